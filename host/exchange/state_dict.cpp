#include "exchange/state_dict.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "base/utf8.h"
#include "exchange/zip.h"

namespace selfsup::exchange {
namespace {

using Kind = Pickle::Kind;
using Value = Pickle::Value;

// In the order of preference.
constexpr std::string_view usual[] = {"state_dict", "model_state_dict", "model", "module", "net", "backbone"};
constexpr int max_depth = 4;

bool is_state_dict(const Pickle& pickle, const Value& dict) {
  for (size_t i = 0; i < dict.items.size(); i += 2)
    if (pickle.at(dict.items[i]).kind == Kind::text && pickle.at(dict.items[i + 1]).kind == Kind::tensor) return true;
  return false;
}

std::string key_of(const Value& key) {
  return key.kind == Kind::text && valid_utf8(key.text) ? printable(shortened(key.text, 60)) : "…";
}

// The first 20 keys but `without`.
std::string keys_of(const Pickle& pickle, const Value& dict, const Value* without = nullptr) {
  std::vector<std::string> keys;
  for (size_t i = 0; i < dict.items.size() && keys.size() < 20; i += 2)
    if (&pickle.at(dict.items[i + 1]) != without) keys.push_back(key_of(pickle.at(dict.items[i])));
  return fmt::format("{}", fmt::join(keys, ", "));
}

// The first dictionary by a usual name.
const Value* usual_member(const Pickle& pickle, const Value& dict) {
  for (const std::string_view name : usual)
    for (size_t i = 0; i < dict.items.size(); i += 2)
      if (pickle.at(dict.items[i]).text == name && pickle.at(dict.items[i + 1]).kind == Kind::dict)
        return &pickle.at(dict.items[i + 1]);
  return nullptr;
}

NamedPlaces tensors_of(const Pickle& pickle, const Value& dict) {
  NamedPlaces places;
  std::set<std::string_view> names;
  for (size_t i = 0; i < dict.items.size(); i += 2) {
    const Value &key = pickle.at(dict.items[i]), &tensor = pickle.at(dict.items[i + 1]);
    if (key.kind != Kind::text || tensor.kind != Kind::tensor) continue;
    if (key.text.empty() || key.text.size() > 1000 || !valid_utf8(key.text)) throw Malformed("a tensor's name is none");
    if (!names.insert(key.text).second) throw Malformed(fmt::format("two tensors are called {}", key.text));
    places.tensors.emplace_back(key.text, static_cast<size_t>(tensor.number));
  }
  return places;
}

}  // namespace

NamedPlaces find_state_dict(const Pickle& pickle) {
  const Value* dict = &pickle.root();
  std::string ignored;
  for (int depth = 0; depth < max_depth && dict->kind == Kind::dict; ++depth) {
    const Value* inner = usual_member(pickle, *dict);
    // Beside the weights may stand a tensor, as of the best accuracy.
    if (is_state_dict(pickle, *dict) && !(inner && is_state_dict(pickle, *inner))) {
      NamedPlaces places = tensors_of(pickle, *dict);
      places.ignored = ignored;
      return places;
    }
    if (!inner) {
      size_t holding = 0;
      for (size_t i = 1; i < dict->items.size(); i += 2)
        if (const Value& value = pickle.at(dict->items[i]); value.kind == Kind::dict && is_state_dict(pickle, value))
          inner = &value, ++holding;
      if (holding > 1)
        throw Malformed(
            fmt::format("it holds several sets of weights ({}), and none is called {}; save the one that is "
                        "meant by itself in Python",
                        keys_of(pickle, *dict), fmt::join(usual, ", ")));
    }
    if (!inner) throw Malformed(fmt::format("no state_dict is in it; it has {}", keys_of(pickle, *dict)));
    if (depth == 0) ignored = keys_of(pickle, *dict, inner);
    dict = inner;
  }
  throw Malformed("no state_dict is in it");
}

}  // namespace selfsup::exchange
