// Ports whose kernel interface was deleted, and when one of the same name is there again.
//
//                     deleted                   seen again
//        in service ──────────> gone ────────────────────────> exchanging
//            ^                   ^  ^                            │    │
//            │                   │  └── refused <── it can't be ────┘ │
//            │                   └───── gone again by now ────────────┤
//            └──────────────────────────────────────── opened ────────┘
//
// An interface goes when it is deleted, or moved to another network namespace; that it is renamed
// makes no difference to who has it open. This says when, and does nothing itself (port_exchange.h
// does), so that any order of events is tested without an interface.
#pragma once

#include <string>
#include <vector>

#include "dataplane/net/strong_id.h"
#include "drivers/ports/link_watcher.h"

namespace lastmile {

/// Control thread only.
class ReturningPorts {
 public:
  class Outside {
   public:
    virtual ~Outside() = default;
    /// Whether there is an interface of that number, under any name.
    [[nodiscard]] virtual bool is_there(unsigned index) = 0;
    /// Another device is to be opened in the place of that of `owner`; opened() or refused()
    /// follows, later.
    virtual void exchange(PortId owner) = 0;
    virtual void gone(PortId owner, const std::string& interface) = 0;
    virtual void back(PortId owner, const std::string& interface) = 0;
    /// The same reason is told once.
    virtual void cannot_use(PortId owner, const std::string& interface,
                            const std::string& reason) = 0;
  };

  /// `outside` outlives this.
  explicit ReturningPorts(Outside& outside) : outside_(outside) {}

  /// The device of `owner` is opened over this interface. Before the first event.
  void watch(PortId owner, const KernelInterface& interface);

  /// Whatever happens to an interface of the machine, and every one that is there when somebody has
  /// asked (LinkWatcher::refresh).
  void on_link(const LinkEvent& event);

  /// The exchange ends. Ask for all interfaces again afterwards: what has happened to this one
  /// meanwhile was not looked at.
  void opened(PortId owner, unsigned index);
  void refused(PortId owner, const std::string& reason);
  /// Those that were refused may be tried again. Until then what happens to their interfaces means
  /// nothing: our own attempt makes it happen.
  void try_again();

 private:
  enum class Stage { kInService, kGone, kExchanging, kRefused };
  struct Watched {
    PortId owner;
    KernelInterface interface;
    Stage stage = Stage::kInService;
    std::string told;  ///< why it could not be used; empty: nothing was said
  };

  [[nodiscard]] Watched& watched(PortId owner);
  void lose(Watched& port);

  Outside& outside_;
  std::vector<Watched> ports_;
};

}  // namespace lastmile
