// A ControlServer with a FixedSource behind it, on a thread of its own.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <variant>

#include "controlplane/control/command_table.h"
#include "controlplane/control/control_server.h"
#include "controlplane/control/respond.h"
#include "controlplane/control/trace_command.h"
#include "tests/control/fixtures.h"
#include "tests/control/trace_fixture.h"

namespace lastmile::test {

class FakeDaemon {
 public:
  explicit FakeDaemon(unsigned more_routes = 0, ControlServer::Options options = {})
      : source_(more_routes) {
    add_show_commands(table_, source_);
    add_trace_command(table_, fixed_trace);
    table_.add({"break", "an answer that nobody expects", {}, [](const Json&) -> CommandResult {
                  return Json{{"nothing", "of use"}};
                }});
    options.socket = socket();
    auto server = ControlServer::open(io_, std::move(options), [this](Event event) {
      const auto& request = std::get<CommandReceived>(event.what);
      if (silent_) return;
      const auto answer = table_.dispatch_or_stream(request.request, [&](std::string_view verb) {
        return server_->refusal(request.command, verb);
      });
      server_->reply(request.command, std::get<std::string>(answer));
    });
    if (!server) throw std::runtime_error(server.error());
    server_ = std::move(*server);
    thread_ = std::thread{[this] { io_.run(); }};
  }
  ~FakeDaemon() {
    call([this] { server_.reset(); });
    work_.reset();
    thread_.join();
  }

  [[nodiscard]] std::string socket() const { return directory_ / "lm.sock"; }
  [[nodiscard]] const TemporaryDirectory& directory() const { return directory_; }
  [[nodiscard]] std::size_t clients() {
    std::size_t count = 0;
    call([&] { count = server_->clients(); });
    return count;
  }
  /// From now on requests are taken and never answered.
  void fall_silent() {
    call([this] { silent_ = true; });
  }
  [[nodiscard]] const CommandTable& table() const { return table_; }

 private:
  template <class Function>
  void call(Function function) {
    std::promise<void> done;
    boost::asio::post(io_, [&] {
      function();
      done.set_value();
    });
    done.get_future().wait();
  }

  TemporaryDirectory directory_;
  FixedSource source_;
  CommandTable table_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  bool silent_ = false;
  std::unique_ptr<ControlServer> server_;
  std::thread thread_;
};

}  // namespace lastmile::test
