// For LD_PRELOAD: counts what a program asks of memory and kernel, and lets one of these calls
// fail.
//
//   LASTMILE_FAIL_COUNTS=FILE   64-bit counters are kept there, one for each kind, in their order
//   LASTMILE_FAIL=KIND:N        the Nth call of this kind fails, as it does when there is no more
//
// A call fails once: what follows shows whether the program cleans up. It is counted from main()
// on: objects that libraries make before it have nobody who could say a word, and nothing is open.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

enum Kind : unsigned { kNew, kMap, kSocket, kThread, kWatch, kKinds };
constexpr std::array<const char*, kKinds> kNames{"new", "map", "socket", "thread", "watch"};

using Counter = std::atomic<std::uint64_t>;

struct State {
  std::array<Counter, kKinds> own{};
  Counter* counters = own.data();
  unsigned kind = kKinds;
  std::uint64_t fails = 0;

  State() {
    // Not the shell or `ip netns exec` that starts it.
    if (std::strcmp(program_invocation_short_name, "lastmiled") != 0) return;
    if (const char* path = std::getenv("LASTMILE_FAIL_COUNTS")) {
      const int fd = ::open(path, O_RDWR | O_CLOEXEC);
      // Past our own mmap(), which would count.
      const long at =
          ::syscall(SYS_mmap, nullptr, sizeof own, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      if (fd >= 0 && at > 0) counters = reinterpret_cast<Counter*>(at);
    }
    const char* wanted = std::getenv("LASTMILE_FAIL");
    const char* colon = wanted == nullptr ? nullptr : std::strchr(wanted, ':');
    if (colon == nullptr) return;
    for (unsigned i = 0; i < kKinds; ++i) {
      const auto length = static_cast<std::size_t>(colon - wanted);
      if (std::strlen(kNames[i]) == length && std::strncmp(kNames[i], wanted, length) == 0)
        kind = i;
    }
    fails = std::strtoull(colon + 1, nullptr, 10);
  }
};

using Main = int (*)(int, char**, char**);

Main program = nullptr;
std::atomic<bool> in_main{false};

int main_of_program(int argc, char** argv, char** environment) {
  in_main = true;
  return program(argc, argv, environment);
}

/// Counts a call; true: it is to fail.
bool fails(Kind kind) {
  if (!in_main) return false;
  static State state;
  return state.counters[kind].fetch_add(1) + 1 == state.fails && state.kind == kind;
}

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

int refused(int code) {
  errno = code;
  return -1;
}

void* allocate(std::size_t size, std::size_t alignment) {
  if (fails(kNew)) return nullptr;
  if (alignment <= __STDCPP_DEFAULT_NEW_ALIGNMENT__) return std::malloc(size == 0 ? 1 : size);
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}
void* allocate_or_throw(std::size_t size, std::size_t alignment) {
  void* const memory = allocate(size, alignment);
  if (memory == nullptr) throw std::bad_alloc{};
  return memory;
}

}  // namespace

void* operator new(std::size_t size) {
  return allocate_or_throw(size, 1);
}
void* operator new[](std::size_t size) {
  return allocate_or_throw(size, 1);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate_or_throw(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return allocate_or_throw(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return allocate(size, 1);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return allocate(size, 1);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

extern "C" {

// What each program begins with in glibc.
int __libc_start_main(Main main, int argc, char** argv, void (*init)(), void (*fini)(),
                      void (*loader_fini)(), void* stack_end) {
  program = main;
  return next<decltype(&__libc_start_main)>("__libc_start_main")(main_of_program, argc, argv, init,
                                                                 fini, loader_fini, stack_end);
}

void* mmap(void* at, std::size_t size, int protection, int flags, int fd, off_t offset) noexcept {
  if (fails(kMap)) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  return reinterpret_cast<void*>(::syscall(SYS_mmap, at, size, protection, flags, fd, offset));
}
int socket(int domain, int type, int protocol) noexcept {
  if (fails(kSocket)) return refused(ENOBUFS);
  return static_cast<int>(::syscall(SYS_socket, domain, type, protocol));
}
int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*),
                   void* argument) noexcept {
  if (fails(kThread)) return EAGAIN;
  static const auto real = next<decltype(&pthread_create)>("pthread_create");
  return real(thread, attributes, body, argument);
}
int epoll_create1(int flags) noexcept {
  if (fails(kWatch)) return refused(EMFILE);
  return static_cast<int>(::syscall(SYS_epoll_create1, flags));
}
int eventfd(unsigned value, int flags) noexcept {
  if (fails(kWatch)) return refused(EMFILE);
  return static_cast<int>(::syscall(SYS_eventfd2, value, flags));
}
int timerfd_create(clockid_t clock, int flags) noexcept {
  if (fails(kWatch)) return refused(EMFILE);
  return static_cast<int>(::syscall(SYS_timerfd_create, clock, flags));
}

}  // extern "C"
