// Memory for tables that are large but seldom full: reserved at once, backed by the kernel only
// where it is touched, and zero before that.
#pragma once

#include <cstddef>

namespace lastmile {

enum class PageSize {
  kOrdinary,
  kHuge,  ///< asks for transparent huge pages: one TLB entry covers 2 MiB
};

/// Owner of one anonymous mapping. Alignment is 2 MiB with PageSize::kHuge, else a page.
class MappedMemory {
 public:
  MappedMemory() = default;
  /// Throws std::system_error when the kernel refuses the mapping.
  MappedMemory(std::size_t bytes, PageSize pages);
  ~MappedMemory();
  MappedMemory(MappedMemory&& other) noexcept;
  MappedMemory& operator=(MappedMemory&& other) noexcept;

  [[nodiscard]] void* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

/// `count` zeroed objects of an implicit-lifetime type for which all-zero bytes are a valid value.
template <class T>
class MappedArray {
 public:
  MappedArray() = default;
  MappedArray(std::size_t count, PageSize pages) : memory_(count * sizeof(T), pages) {}

  [[nodiscard]] T* data() const { return static_cast<T*>(memory_.data()); }
  [[nodiscard]] T& operator[](std::size_t index) const { return data()[index]; }

 private:
  MappedMemory memory_;
};

}  // namespace lastmile
