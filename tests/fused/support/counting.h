// How many bytes of memory ATen holds on the CPU, for tests of what is kept.
#pragma once
#include <c10/core/CPUAllocator.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

namespace selfsup::fused::testing {

// Counts what is given out while it lives.
class Counting {
 public:
  Counting() : before_(c10::GetCPUAllocator()) { c10::SetCPUAllocator(&memory(), ++priority_); }
  ~Counting() { c10::SetCPUAllocator(before_, ++priority_); }
  Counting(const Counting&) = delete;
  Counting& operator=(const Counting&) = delete;
  static int64_t live() { return memory().live; }

 private:
  // The size stands before what is given out.
  class Memory final : public c10::Allocator {
   public:
    c10::DataPtr allocate(size_t bytes) override {
      void* const memory = std::aligned_alloc(kAlign, (bytes + 2 * kAlign - 1) / kAlign * kAlign);
      std::memcpy(memory, &bytes, sizeof bytes);
      live += static_cast<int64_t>(bytes);
      void* const given = static_cast<char*>(memory) + kAlign;
      return {given, given, release, at::kCPU};
    }
    c10::DeleterFnPtr raw_deleter() const override { return release; }
    void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
    static inline std::atomic<int64_t> live{0};

   private:
    static constexpr size_t kAlign = 64;
    static void release(void* given) {
      if (!given) return;
      char* const memory = static_cast<char*>(given) - kAlign;
      size_t bytes;
      std::memcpy(&bytes, memory, sizeof bytes);
      live -= static_cast<int64_t>(bytes);
      std::free(memory);
    }
  };
  static Memory& memory() {
    static Memory all;
    return all;
  }

  static inline uint8_t priority_ = 100;  // one that is lower than the last is not heard
  c10::Allocator* before_;
};

}  // namespace selfsup::fused::testing
