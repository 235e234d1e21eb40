// The main program of every test executable: Catch's, or a rank that a test of it has started.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include "processes.h"

int main(int argc, char** argv) {
  if (const auto exit = selfsup::test::serve_as_rank()) return *exit;
  return Catch::Session().run(argc, argv);
}
