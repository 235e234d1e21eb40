// What an error of the checkpoint room says, for its tests.
#pragma once
#include <catch2/catch.hpp>
#include <string>

#include "base/errors.h"

namespace selfsup::checkpoint::testing {

// The text of the Error that f throws, which must have that exit code; "" when it throws none.
template <class F>
std::string refusal(Exit exit, F&& f) {
  try {
    f();
  } catch (const Error& error) {
    CHECK(error.exit() == exit);
    return error.what();
  }
  return "";
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

// Of each checkpoint that is a Sample.
inline constexpr const char* kFiles[] = {"model.safetensors", "optimizer.safetensors", "state/backbone.queue.rank0.bin",
                                         "manifest.json"};

}  // namespace selfsup::checkpoint::testing
