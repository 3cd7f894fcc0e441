#include "dataplane/fib/mapped_memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

namespace lastmile {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

constexpr std::size_t round_up(std::size_t value, std::size_t unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace

MappedMemory::MappedMemory(std::size_t bytes, PageSize pages) {
  const bool huge = pages == PageSize::kHuge;
  // mmap aligns to ordinary pages only: map one huge page more and give back what sticks out.
  const std::size_t wanted = huge ? round_up(bytes, kHugePage) : round_up(bytes, 4096);
  const std::size_t mapped = huge ? wanted + kHugePage : wanted;
  void* const start = mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) {
    throw std::system_error(errno, std::generic_category(), "no memory for a forwarding table");
  }
  auto* first = static_cast<std::byte*>(start);
  if (huge) {
    const std::size_t before =
        (kHugePage - reinterpret_cast<std::uintptr_t>(start) % kHugePage) % kHugePage;
    if (before != 0) munmap(first, before);
    first += before;
    if (before != kHugePage) munmap(first + wanted, kHugePage - before);
    madvise(first, wanted, MADV_HUGEPAGE);  // a wish: without it lookups are slower, not wrong
  }
  data_ = first;
  size_ = wanted;
}

MappedMemory::~MappedMemory() {
  if (data_ != nullptr) munmap(data_, size_);
}

MappedMemory::MappedMemory(MappedMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedMemory& MappedMemory::operator=(MappedMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace lastmile
