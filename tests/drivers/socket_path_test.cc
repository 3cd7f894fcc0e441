#include "drivers/ports/socket_path.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "dataplane/net/file_descriptor.h"

namespace lastmile {
namespace {

std::optional<std::string> socket_of(const char* device) {
  return listening_socket(*DeviceString::parse(device));
}

TEST(SocketPath, OnlyServersHaveOne) {
  EXPECT_EQ(socket_of("net_vhost0,iface=/run/lastmile/a.sock"), "/run/lastmile/a.sock");
  EXPECT_EQ(socket_of("net_vhost0,iface=/a.sock,client=0"), "/a.sock");
  EXPECT_EQ(socket_of("net_vhost0,iface=/a.sock,client=1"), std::nullopt);
  EXPECT_EQ(socket_of("net_memif0,role=server,socket=/m.sock,socket-abstract=no"), "/m.sock");
  EXPECT_EQ(socket_of("net_memif0,role=server,socket=/m.sock"), std::nullopt) << "abstract";
  EXPECT_EQ(socket_of("net_memif0,socket=/m.sock,socket-abstract=no"), std::nullopt) << "a client";
  EXPECT_EQ(socket_of("net_virtio_user0,path=/a.sock"), std::nullopt);
  EXPECT_EQ(socket_of("0000:03:00.0"), std::nullopt);
}

class SocketFolder : public ::testing::Test {
 protected:
  SocketFolder() {
    char name[] = "/tmp/lastmile-socket-XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~SocketFolder() override { std::filesystem::remove_all(folder_); }

  FileDescriptor listen_on(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    FileDescriptor listener{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    EXPECT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener.get(), 1), 0);
    return listener;
  }

  std::filesystem::path folder_;
};

TEST_F(SocketFolder, ADeadOnesSocketGoes) {
  const std::string path = folder_ / "vnf.sock";
  { const FileDescriptor dead = listen_on(path); }
  ASSERT_TRUE(std::filesystem::exists(path));
  EXPECT_TRUE(make_room_for_socket(path).has_value());
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_TRUE(make_room_for_socket(path).has_value()) << "nothing is there";
}

TEST_F(SocketFolder, ALivingOnesStays) {
  const std::string path = folder_ / "vnf.sock";
  const FileDescriptor living = listen_on(path);
  EXPECT_EQ(make_room_for_socket(path).error().message, "somebody else listens on " + path);
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(SocketFolder, AFileIsNotTouchedAndAFolderIsMade) {
  const std::string path = folder_ / "file";
  std::ofstream{path} << "precious";
  EXPECT_EQ(make_room_for_socket(path).error().message, path + " is there and is no socket");
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_TRUE(make_room_for_socket(folder_ / "new" / "vnf.sock").has_value());
  EXPECT_TRUE(std::filesystem::is_directory(folder_ / "new"));
  EXPECT_FALSE(make_room_for_socket(std::string(200, 'x')).has_value());
}

}  // namespace
}  // namespace lastmile
