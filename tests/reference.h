// Where recorded reference values lie, and the families of files among them.
#pragma once
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace selfsup::reference {

// SELFSUP_FIXTURES; unset or empty: the values that come with the tests.
inline std::filesystem::path folder() {
  const char* given = std::getenv("SELFSUP_FIXTURES");
  return given && *given ? given : SELFSUP_TEST_DATA;
}

// The files whose names are `prefix`…`suffix`, sorted. At least one, else the test fails.
inline std::vector<std::filesystem::path> family(const std::string& prefix, const std::string& suffix) {
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::directory_iterator(folder())) {
    const std::string name = file.path().filename();
    if (name.starts_with(prefix) && name.ends_with(suffix)) files.push_back(file.path());
  }
  std::sort(files.begin(), files.end());
  INFO("no " << prefix << "*" << suffix << " in " << folder());
  REQUIRE(!files.empty());
  return files;
}

// The tensors that belong to the parameters of a .json.
inline std::filesystem::path tensors_of(std::filesystem::path json) { return json.replace_extension(".safetensors"); }

}  // namespace selfsup::reference
