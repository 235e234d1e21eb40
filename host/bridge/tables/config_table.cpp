// The table "ssp.config": a component's own configuration and facts of the run.
#include <fmt/format.h>

#include <algorithm>

#include "base/nearest.h"
#include "bridge/components/build.h"
#include "bridge/host_state.h"
#include "bridge/status.h"
#include "bridge/tables/extensions.h"

namespace selfsup::bridge {
namespace {

ssp_value none() { return {SSP_V_NONE, 0, {}}; }

ssp_value of_int(int64_t v, uint32_t kind = SSP_V_INT) {
  ssp_value out = none();
  out.kind = kind;
  out.u.i = v;
  return out;
}

ssp_value of_double(double v) {
  ssp_value out = none();
  out.kind = SSP_V_DOUBLE;
  out.u.d = v;
  return out;
}

ssp_value of_text(Build& b, std::string text) {
  b.strings.push_back(std::move(text));
  ssp_value out{SSP_V_STR, static_cast<uint32_t>(b.strings.back().size()), {}};
  out.u.s = b.strings.back().c_str();
  return out;
}

ssp_value of_ints(Build& b, std::vector<int64_t> list) {
  b.ints.push_back(std::move(list));
  ssp_value out{SSP_V_INTS, static_cast<uint32_t>(b.ints.back().size()), {}};
  out.u.ints = b.ints.back().data();
  return out;
}

ssp_value of_doubles(Build& b, std::vector<double> list) {
  b.doubles.push_back(std::move(list));
  ssp_value out{SSP_V_DOUBLES, static_cast<uint32_t>(b.doubles.back().size()), {}};
  out.u.doubles = b.doubles.back().data();
  return out;
}

template <class Test>
bool all(const Json::Array& array, Test test) {
  return std::all_of(array.begin(), array.end(), test);
}

ssp_value of_array(Build& b, const Json& json) {
  const Json::Array& array = json.as_array();
  if (all(array, [](const Json& v) { return v.is_int(); })) {
    std::vector<int64_t> list;
    for (const Json& v : array) list.push_back(v.as_int());
    return of_ints(b, std::move(list));
  }
  if (all(array, [](const Json& v) { return v.is_number(); })) {
    std::vector<double> list;
    for (const Json& v : array) list.push_back(v.as_double());
    return of_doubles(b, std::move(list));
  }
  if (all(array, [](const Json& v) { return v.is_bool(); })) {
    auto& list = b.bools.emplace_back();
    for (const Json& v : array) list.push_back(v.as_bool());
    ssp_value out{SSP_V_BOOLS, static_cast<uint32_t>(list.size()), {}};
    out.u.bools = list.data();
    return out;
  }
  return of_text(b, to_text(json));
}

ssp_value of_json(Build& b, const Json& v) {
  switch (v.type()) {
    case Json::Type::null:
      return none();
    case Json::Type::boolean:
      return of_int(v.as_bool(), SSP_V_BOOL);
    case Json::Type::integer:
      return of_int(v.as_int());
    case Json::Type::real:
      return of_double(v.as_double());
    case Json::Type::string:
      return of_text(b, v.as_string());
    case Json::Type::array:
      return of_array(b, v);
    case Json::Type::object:
      return of_text(b, to_text(v));
  }
  return none();
}

// What stands at a key that the component's schema has; null: nothing.
const Json* find(const Build& b, std::string_view key, const char* what) {
  if (key.empty()) fail(SSP_E_ARGUMENT, fmt::format("{}: the key is empty; config.json gives the whole node", what));
  const Json* found = b.node->at_path(key);
  keys_below(b.keys, b.node.get(), key, b.session ? &b.session->registry : nullptr, what);
  return found && !found->is_null() ? found : nullptr;
}

ssp_status get(ssp_build* build, ssp_str dotted_key, ssp_value* out) {
  return guarded([&] {
    Build& b = checked(build, Needs::configuration);
    require(out != nullptr, SSP_E_ARGUMENT, "config.get: out is null");
    const Json* found = find(b, view(dotted_key), "config.get");
    *out = found ? of_json(b, *found) : none();
  });
}

ssp_status length(ssp_build* build, ssp_str dotted_key, uint64_t* out) {
  return guarded([&] {
    const Build& b = checked(build, Needs::configuration);
    require(out != nullptr, SSP_E_ARGUMENT, "config.length: out is null");
    const std::string_view key = view(dotted_key);
    const Json* found = find(b, key, "config.length");
    if (found && !found->is_array())
      fail(SSP_E_ARGUMENT, fmt::format("config.length('{}'): it is no array, it is {}", key, to_text(*found)));
    *out = found ? found->as_array().size() : 0;
  });
}

ssp_status json(ssp_build* build, ssp_str* out) {
  return guarded([&] {
    Build& b = checked(build, Needs::configuration);
    require(out != nullptr, SSP_E_ARGUMENT, "config.json: out is null");
    b.strings.push_back(to_text(*b.node));
    *out = borrow(b.strings.back());
  });
}

ssp_value find_fact(Build& b, std::string_view name) {
  const Facts& f = *b.facts;
  const std::pair<std::string_view, const std::optional<int64_t>*> numbers[] = {{"dataset_length", &f.dataset_length},
                                                                                {"batch_size", &f.batch_size},
                                                                                {"global_batch", &f.global_batch},
                                                                                {"micros", &f.micros},
                                                                                {"epoch_iters", &f.epoch_iters},
                                                                                {"max_iters", &f.max_iters},
                                                                                {"max_updates", &f.max_updates},
                                                                                {"max_epochs", &f.max_epochs},
                                                                                {"world", &f.world},
                                                                                {"rank", &f.rank},
                                                                                {"views", &f.views},
                                                                                {"image_size", &f.image_size},
                                                                                {"channels", &f.channels}};
  for (const auto& [known, value] : numbers) {
    if (name == known) return *value ? of_int(**value) : none();
  }
  if (name == "drop_last") return f.drop_last ? of_int(*f.drop_last, SSP_V_BOOL) : none();
  if (name == "mean" || name == "std") {
    const std::vector<double>& list = name == "mean" ? f.mean : f.std;
    return list.empty() ? none() : of_doubles(b, list);
  }
  if (name == "view_sizes") return f.view_sizes.empty() ? none() : of_ints(b, f.view_sizes);
  if (name == "host_version") return of_text(b, SELFSUP_VERSION);
  std::vector<std::string> known{"drop_last", "mean", "std", "view_sizes", "host_version"};
  for (const auto& [other, value] : numbers) known.emplace_back(other);
  fail(SSP_E_ARGUMENT, fmt::format("config.fact: this host knows no fact '{}'{}; it knows {}", name,
                                   suggestion(name, known), fmt::join(known, ", ")));
}

ssp_status fact(ssp_build* build, ssp_str name, ssp_value* out) {
  return guarded([&] {
    Build& b = checked(build, Needs::facts);
    require(out != nullptr, SSP_E_ARGUMENT, "config.fact: out is null");
    *out = find_fact(b, view(name));
  });
}

}  // namespace

const ssp_config config_table = {sizeof(ssp_config), 0, get, length, json, fact};

}  // namespace selfsup::bridge
