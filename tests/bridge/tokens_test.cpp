#include "bridge/tokens.h"

#include <catch2/catch.hpp>
#include <vector>

namespace selfsup::bridge {

TEST_CASE("a token stands for its object until that is removed, in whatever order") {
  Tokens<int> tokens(7);
  std::vector<int> objects(5);
  std::vector<void*> of;
  for (int& object : objects) of.push_back(tokens.add(object));
  for (size_t i = 0; i < objects.size(); ++i) CHECK(tokens.find(of[i]) == &objects[i]);
  for (const size_t gone : {2, 4, 0}) {
    tokens.remove(objects[gone]);
    CHECK(tokens.find(of[gone]) == nullptr);
  }
  CHECK(tokens.find(of[1]) == &objects[1]);
  CHECK(tokens.find(of[3]) == &objects[3]);
  CHECK(tokens.find(nullptr) == nullptr);
  CHECK(tokens.find(&objects[1]) == nullptr);  // an address is no token
  tokens.remove(objects[2]);                   // it is gone already
  CHECK(tokens.find(next_token(7)) == nullptr);
  const void* again = tokens.add(objects[0]);
  CHECK(again != of[0]);
  CHECK(tokens.find(again) == &objects[0]);
}

}  // namespace selfsup::bridge
