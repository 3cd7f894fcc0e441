// Interfaces under ports that go and come, in any order of events.

#include "daemon/returning_ports.h"

#include <gtest/gtest.h>

#include <set>

namespace lastmile {
namespace {

using Told = std::vector<std::string>;

constexpr PortId kUp1{0};
constexpr PortId kUp2{1};

/// A machine whose interfaces the test makes and deletes. Deleting one tells of it, as netlink
/// does, unless that is lost.
class Machine : public ReturningPorts::Outside {
 public:
  Machine() {
    there_ = {2, 3};
    ports.watch(kUp1, {2, "up1"});
    ports.watch(kUp2, {3, "up2"});
  }

  void see(unsigned index, const std::string& name) {
    there_.insert(index);
    ports.on_link({.index = index, .name = name, .link = Link::kDown});
  }
  void lose_silently(unsigned index) { there_.erase(index); }
  void remove(unsigned index, const std::string& name) {
    lose_silently(index);
    ports.on_link({.index = index, .name = name, .link = Link::kDown, .deleted = true});
  }
  Told take() { return std::exchange(told_, {}); }

  bool is_there(unsigned index) override { return there_.contains(index); }
  void exchange(PortId owner) override { told_.push_back("exchange " + number(owner)); }
  void gone(PortId owner, const std::string& interface) override {
    told_.push_back("gone " + number(owner) + " " + interface);
  }
  void back(PortId owner, const std::string& interface) override {
    told_.push_back("back " + number(owner) + " " + interface);
  }
  void cannot_use(PortId owner, const std::string&, const std::string& reason) override {
    told_.push_back("cannot " + number(owner) + ": " + reason);
  }

  ReturningPorts ports{*this};

 private:
  static std::string number(PortId port) { return std::to_string(port.value()); }
  std::set<unsigned> there_;
  Told told_;
};

TEST(ReturningPorts, DeletedAndMadeAgain) {
  Machine machine;
  machine.see(2, "up1");
  machine.see(2, "up1");
  EXPECT_EQ(machine.take(), Told{}) << "it is up, it is down, it is there";
  machine.remove(2, "up1");
  machine.see(7, "veth7");
  EXPECT_EQ(machine.take(), Told{"gone 0 up1"});
  machine.see(7, "up1");
  machine.see(7, "up1");
  EXPECT_EQ(machine.take(), Told{"exchange 0"}) << "once, when it has the name";
  machine.ports.opened(kUp1, 7);
  EXPECT_EQ(machine.take(), Told{"back 0 up1"});
  machine.see(7, "up1");
  machine.remove(2, "up1");
  EXPECT_EQ(machine.take(), Told{}) << "number 2 is nobody's any more";
  machine.remove(7, "up1");
  EXPECT_EQ(machine.take(), Told{"gone 0 up1"});
}

TEST(ReturningPorts, BackUnderTheSameNumber) {
  Machine machine;
  machine.remove(2, "up1");  // moved to another namespace, and back
  machine.see(2, "up1");
  EXPECT_EQ(machine.take(), (Told{"gone 0 up1", "exchange 0"}));
}

TEST(ReturningPorts, ADeletionThatNetlinkLost) {
  Machine machine;
  machine.lose_silently(2);
  machine.see(3, "up2");
  machine.see(8, "up1");
  EXPECT_EQ(machine.take(), (Told{"gone 0 up1", "exchange 0"}));
}

TEST(ReturningPorts, ARenamedInterfaceIsUsedOn) {
  Machine machine;
  machine.see(2, "old1");
  machine.see(8, "up1");
  EXPECT_EQ(machine.take(), Told{}) << "the port has number 2 open";
  machine.remove(2, "old1");
  EXPECT_EQ(machine.take(), Told{"gone 0 up1"});
  machine.see(8, "up1");  // the look that follows
  EXPECT_EQ(machine.take(), Told{"exchange 0"});
}

TEST(ReturningPorts, GoneAgainBeforeItIsOpened) {
  Machine machine;
  machine.remove(2, "up1");
  machine.see(7, "up1");
  machine.remove(7, "up1");
  EXPECT_EQ(machine.take(), (Told{"gone 0 up1", "exchange 0"}));
  machine.ports.opened(kUp1, 7);
  EXPECT_EQ(machine.take(), Told{"gone 0 up1"});
  machine.see(9, "up1");  // the look that follows
  EXPECT_EQ(machine.take(), Told{"exchange 0"});
}

TEST(ReturningPorts, OneThatCantBeUsedIsTriedAgainAndToldOfOnce) {
  Machine machine;
  machine.remove(2, "up1");
  machine.see(7, "up1");
  machine.take();
  for (int i = 0; i < 3; ++i) {
    machine.ports.refused(kUp1, "busy");
    machine.see(7, "up1");  // by what was tried
    machine.ports.try_again();
    machine.see(7, "up1");
  }
  EXPECT_EQ(machine.take(), (Told{"cannot 0: busy", "exchange 0", "exchange 0", "exchange 0"}));
  machine.ports.refused(kUp1, "no memory");
  EXPECT_EQ(machine.take(), Told{"cannot 0: no memory"});
  machine.ports.try_again();
  machine.see(7, "up1");
  machine.ports.opened(kUp1, 7);
  EXPECT_EQ(machine.take(), (Told{"exchange 0", "back 0 up1"}));
}

TEST(ReturningPorts, EachForItself) {
  Machine machine;
  machine.remove(2, "up1");
  machine.remove(3, "up2");
  machine.see(8, "up2");
  machine.see(9, "up1");
  machine.ports.opened(kUp1, 9);
  machine.ports.refused(kUp2, "busy");
  EXPECT_EQ(machine.take(), (Told{"gone 0 up1", "gone 1 up2", "exchange 1", "exchange 0",
                                  "back 0 up1", "cannot 1: busy"}));
}

}  // namespace
}  // namespace lastmile
