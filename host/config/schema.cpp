#include "config/schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

#include "base/errors.h"
#include "base/nearest.h"
#include "base/text.h"
#include "base/type_name.h"
#include "config/layers.h"

namespace selfsup::config {
namespace {

constexpr size_t kShown = 20;       // problems; one more is looked for
constexpr size_t kShownBytes = 60;  // of a key or value

// In the order of Json::Type.
constexpr std::string_view kTypes[] = {"null", "boolean", "integer", "number", "string", "array", "object"};

std::string_view type_name(const Json& value) { return kTypes[static_cast<size_t>(value.type())]; }

bool is_a(const Json& value, std::string_view type) {
  const std::string_view actual = type_name(value);
  return actual == type || (type == "number" && actual == "integer");
}

std::vector<std::string> types_of(const Json& schema) {
  const Json* type = schema.find("type");
  if (!type) return {};
  if (type->is_string()) return {type->as_string()};
  std::vector<std::string> types;
  for (const Json& name : type->as_array()) types.push_back(name.as_string());
  return types;
}

std::string key_path(const std::string& path, std::string_view key) {
  return fmt::format("{}{}{}", path, path.empty() ? "" : ".", shortened(key, kShownBytes));
}

// A value as the user wrote it, short enough for one line.
std::string shown(const Json& value) { return shortened(to_text(value), kShownBytes); }

// An object with its schemas, where keys have a meaning.
struct Place {
  std::string path;
  std::string source;  // where the object was written
  const Json* properties;
  const Json* claims;  // null: none
  bool component;      // its own name is a key too

  const Json* schema_of(std::string_view key) const {
    const Json* claimed = claims ? claims->find(key) : nullptr;
    return claimed ? claimed : properties->find(key);
  }
  bool knows(std::string_view key) const { return schema_of(key) || (component && key == "type"); }
  std::vector<std::string> keys() const {
    std::vector<std::string> keys;
    for (const Json* schemas : {properties, claims})
      if (schemas)
        for (const auto& [key, schema] : schemas->as_object()) keys.push_back(key);
    if (component && !schema_of("type")) keys.emplace_back("type");
    return keys;
  }
};

// How many parts two dotted paths begin with in common.
auto common_parts(const std::string& a, const std::string& b) {
  const auto end = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first;
  return std::count(a.begin(), end, '.');
}

class Validator {
 public:
  Validator(const Source& whole, const ComponentSchemas& components) : whole_(whole), components_(components) {}

  void check(Json& value, const Json& schema, const std::string& path) {
    if (full() || !check_type(value, schema, path)) return;
    check_enum(value, schema, path);
    if (value.is_number()) check_range(value, schema, path);
    if (value.is_array()) check_array(value, schema, path);
    if (value.is_object()) check_object(value, schema, path);
  }

  // Types alone, and of lists their elements'.
  void check_types(const Json& value, const Json& schema, const std::string& path) {
    if (full() || !check_type(value, schema, path)) return;
    const Json* items = value.is_array() ? schema.find("items") : nullptr;
    if (!items) return;
    size_t index = 0;
    for (const Json& element : value.as_array()) check_types(element, *items, key_path(path, std::to_string(index++)));
  }

  void check_keys(const Json& value, const Place& place) {
    seen_.push_back(place);
    for (const auto& [key, member] : value.as_object())
      if (!full() && !place.knows(key)) unknown_key(value, member, key, place);
  }

  std::vector<Problem> take() {
    for (auto& [index, key] : unplaced_) add_place_elsewhere(problems_[index], key);
    return std::move(problems_);
  }

 private:
  // Nobody reads on, and a hostile file may have millions.
  bool full() const { return problems_.size() > kShown; }

  void problem(const Json& value, const std::string& path, std::string text) {
    problems_.push_back({value.source, path, std::move(text)});
  }

  bool check_type(const Json& value, const Json& schema, const std::string& path) {
    const std::vector<std::string> types = types_of(schema);
    if (types.empty() || std::any_of(types.begin(), types.end(), [&](const std::string& t) { return is_a(value, t); }))
      return true;
    problem(value, path,
            fmt::format("expected {}, found {}{}", fmt::join(types, " or "),
                        value.is_null() ? "" : fmt::format("{} ", type_name(value)), shown(value)));
    return false;
  }

  void check_enum(const Json& value, const Json& schema, const std::string& path) {
    const Json* allowed = schema.find("enum");
    if (!allowed) return;
    std::vector<std::string> texts, names;
    bool same_kind =
        false;  // the list says nothing of values of other kinds: {"type": ["string", "object"], "enum": ["a"]}
    for (const Json& one : allowed->as_array()) {
      if (one == value || (one.is_number() && value.is_number() && one.as_double() == value.as_double())) return;
      same_kind = same_kind || one.type() == value.type() || (one.is_number() && value.is_number());
      texts.push_back(to_text(one));
      if (one.is_string()) names.push_back(one.as_string());
    }
    if (!same_kind && schema.has("type")) return;
    problem(value, path,
            fmt::format("expected one of {}, found {}{}", fmt::join(texts, ", "), shown(value),
                        value.is_string() ? suggestion(value.as_string(), names) : ""));
  }

  void check_range(const Json& value, const Json& schema, const std::string& path) {
    const double number = value.as_double();
    if (!(std::abs(number) <= std::numeric_limits<float>::max()))
      return problem(
          value, path,
          fmt::format("expected a number of single precision, at most 3.4e38 in size, found {}", shown(value)));
    const auto bound = [&](const char* key) { return schema.find(key); };
    if (const Json* b = bound("minimum"); b && !(number >= b->as_double()))
      problem(value, path, fmt::format("expected at least {}, found {}", to_text(*b), shown(value)));
    if (const Json* b = bound("exclusiveMinimum"); b && !(number > b->as_double()))
      problem(value, path, fmt::format("expected more than {}, found {}", to_text(*b), shown(value)));
    if (const Json* b = bound("maximum"); b && !(number <= b->as_double()))
      problem(value, path, fmt::format("expected at most {}, found {}", to_text(*b), shown(value)));
  }

  void check_array(Json& value, const Json& schema, const std::string& path) {
    const auto size = static_cast<int64_t>(value.as_array().size());
    if (const Json* n = schema.find("minItems"); n && size < n->as_int())
      problem(value, path, fmt::format("expected at least {} elements, found {}", n->as_int(), size));
    if (const Json* n = schema.find("maxItems"); n && size > n->as_int())
      problem(value, path, fmt::format("expected at most {} elements, found {}", n->as_int(), size));
    const Json* items = schema.find("items");
    if (!items) return;
    size_t index = 0;
    for (Json& element : value.as_array()) check(element, *items, key_path(path, std::to_string(index++)));
  }

  void check_object(Json& value, const Json& schema, const std::string& path) {
    if (const Json* each = schema.find("x-ssp-each"))
      for (auto& [key, member] : value.as_object()) check(member, *each, key_path(path, key));
    const Json* kind = schema.find("x-ssp-component");
    if (kind) return check_component(value, schema, kind->as_string(), path);
    if (const Json* properties = schema.find("properties"))
      check_members(value, schema, {path, value.source.name(), properties, nullptr, false});
  }

  // The object is another component's: its schema checks it, but for the keys that this one claims.
  void check_component(Json& value, const Json& schema, const std::string& kind, const std::string& path) {
    std::string name;
    if (const Json* type = value.find("type")) {
      if (!type->is_string())
        return problem(*type, key_path(path, "type"), fmt::format("expected a string, found {}", shown(*type)));
      name = type->as_string();
    }
    const Json* own = nullptr;
    try {
      own = components_.find(kind, name);
    } catch (const Error& error) {  // several have that name
      if (error.exit() != Exit::usage) throw;
      return problem(value.get("type"), key_path(path, "type"), error.what());
    }
    if (!own) {
      const std::vector<std::string> names = components_.names(kind);
      const std::string have = names.empty() ? "none is loaded" : fmt::format("there are {}", fmt::join(names, ", "));
      const Json& at = value.has("type") ? value.get("type") : value;
      if (name.empty())
        for (const auto& [key, member] : value.as_object())
          if (edit_distance(key, "type") <= 2)  // one edit
            return problem(member, key_path(path, key), "no such key; did you mean 'type'?");
      return problem(at, key_path(path, "type"),
                     name.empty()
                         ? fmt::format("expected the name of a {}; {}", kind, have)
                         : fmt::format("there is no {} named '{}'; {}{}{}", kind, name, have, suggestion(name, names),
                                       components_.remedy ? components_.remedy(kind, name) : ""));
    }
    const Json* properties = own->find("properties");
    if (properties)
      check_members(value, *own, {path, value.source.name(), properties, schema.find("x-ssp-claims"), true});
  }

  void check_members(Json& value, const Json& schema, const Place& place) {
    check_keys(value, place);
    for (auto& [key, member] : value.as_object()) {
      const Json* member_schema = place.schema_of(key);
      if (!member_schema) continue;
      if (place.component && key == "type" && member.is_string()) {  // "owner:Name" is a Name
        Json name = std::string(split_type(member.as_string()).name);
        name.source = member.source;
        check(name, *member_schema, key_path(place.path, key));
      } else {
        check(member, *member_schema, key_path(place.path, key));
      }
    }
    if (const Json* required = schema.find("required"))
      for (const Json& key : required->as_array())
        if (!value.has(key.as_string()))
          problems_.push_back({place_to_add(value, whole_), place.path.empty() ? "the configuration" : place.path,
                               fmt::format("'{}' is missing", key.as_string())});
    for (const Json* set : {place.properties, place.claims})
      if (set) fill_defaults(value, *set, place.path);
  }

  void fill_defaults(Json& value, const Json& properties, const std::string& path) {
    for (const auto& [key, schema] : properties.as_object()) {
      const Json* otherwise = schema.find("default");
      if (!otherwise || value.has(key)) continue;
      Json filled = *otherwise;
      static const Source the_default("default", "the default");
      filled.source = the_default;
      Json& placed = value.set(key, std::move(filled));
      if (placed.is_object() || placed.is_array()) check(placed, schema, key_path(path, key));
    }
  }

  // Among the keys known here, those that the same layer has already set are not what was meant; those of other layers
  // may well be, to be replaced.
  void unknown_key(const Json& object, const Json& member, const std::string& key, const Place& place) {
    std::vector<std::string> known = place.keys();
    if (key != "_delete_") known.emplace_back("_delete_");
    if (key != "_base_" && place.path.empty()) known.emplace_back("_base_");
    std::vector<std::string> names;
    for (const std::string& name : known)
      if (!set_beside(object, member, name)) names.push_back(name);
    std::string hint = suggestion(key, names);
    if (hint.empty()) hint = suggestion(key, known);
    problem(member, key_path(place.path, key), "no such key" + hint);
    if (hint.empty() && key != "type") unplaced_.emplace_back(problems_.size() - 1, key);
  }

  static bool set_beside(const Json& object, const Json& member, const std::string& name) {
    const Json* other = object.find(name);
    return other && other->source.layer() == member.source.layer();
  }

  // A key that is right, in the wrong place: the right one that shares the most of the path, first in the same file, is
  // meant.
  void add_place_elsewhere(Problem& problem, const std::string& key) const {
    const Place* best = nullptr;
    const auto nearness = [&](const Place& place) {
      return std::tuple(common_parts(place.path + ".", problem.path), place.source == problem.source.name(),
                        -std::count(place.path.begin(), place.path.end(), '.'));
    };
    for (const Place& place : seen_)
      if (place.knows(key) && (!best || nearness(place) > nearness(*best))) best = &place;
    if (best) problem.text += fmt::format("; did you mean '{}'?", key_path(best->path, key));
  }

  const Source whole_;
  const ComponentSchemas& components_;
  std::vector<Problem> problems_;
  std::vector<Place> seen_;
  std::vector<std::pair<size_t, std::string>> unplaced_;  // problems whose key has no meaning in its place
};

constexpr std::string_view kWords[] = {
    "type",       "enum",     "minimum", "maximum",     "exclusiveMinimum", "items",        "minItems",   "maxItems",
    "properties", "required", "default", "description", "x-ssp-component",  "x-ssp-claims", "x-ssp-each", "x-ssp-idle"};

void check_dialect(const Json& schema, const std::string& owner, const std::string& path) {
  const auto refuse = [&](const std::string& text) {
    throw Error(Exit::plugin,
                fmt::format("the schema of {} is wrong at {}: {}", owner, path.empty() ? "its top" : path, text));
  };
  if (!schema.is_object()) refuse("expected an object");
  for (const auto& [word, value] : schema.as_object()) {
    if (std::find(std::begin(kWords), std::end(kWords), word) == std::end(kWords))
      refuse(fmt::format("unknown word '{}'", word));
    if (word == "type") {
      for (const Json& name : value.is_array() ? value.as_array() : Json::Array{value})
        if (!name.is_string() || std::find(std::begin(kTypes), std::end(kTypes), name.as_string()) == std::end(kTypes))
          refuse(fmt::format("unknown type {}", to_text(name)));
    } else if (word == "properties" || word == "x-ssp-claims") {
      if (!value.is_object()) refuse(fmt::format("{}: expected an object", word));
      for (const auto& [key, inner] : value.as_object()) check_dialect(inner, owner, key_path(path, key));
    } else if (word == "items" || word == "x-ssp-each") {
      check_dialect(value, owner, key_path(path, word));
    } else if (word == "required" || word == "enum") {
      if (!value.is_array()) refuse(fmt::format("{}: expected an array", word));
      for (const Json& key : value.as_array())
        if (word == "required" && !key.is_string()) refuse("required: expected strings");
    } else if (word == "minimum" || word == "maximum" || word == "exclusiveMinimum") {
      if (!value.is_number()) refuse(fmt::format("{}: expected a number", word));
    } else if (word == "minItems" || word == "maxItems") {
      if (!value.is_int()) refuse(fmt::format("{}: expected an integer", word));
    } else if (word == "x-ssp-idle") {
      if (!value.is_bool()) refuse(fmt::format("{}: expected a boolean", word));
    } else if ((word == "description" || word == "x-ssp-component") && !value.is_string()) {
      refuse(fmt::format("{}: expected a string", word));
    }
  }
}

}  // namespace

std::vector<Problem> validate(Json& value, const Json& schema, const std::string& path,
                              const ComponentSchemas& components) {
  Validator validator(value.source, components);
  validator.check(value, schema, path);
  return validator.take();
}

std::vector<Problem> unknown_keys(const Json& value, const Json& schema) {
  const ComponentSchemas none;
  Validator validator(value.source, none);
  validator.check_keys(value, {"", value.source.name(), &schema.get("properties"), nullptr, false});
  return validator.take();
}

std::vector<Problem> wrong_types(const Json& value, const Json& schema) {
  const ComponentSchemas none;
  Validator validator(value.source, none);
  for (const auto& [key, inner] : schema.get("properties").as_object())
    if (const Json* member = value.find(key)) validator.check_types(*member, inner, key);
  return validator.take();
}

void throw_if_any(const std::vector<Problem>& problems) {
  if (problems.empty()) return;
  std::string text;
  for (size_t i = 0; i < std::min(problems.size(), kShown); ++i) {
    const Problem& p = problems[i];
    text += fmt::format("{}{}: {}: {}", i ? "\n" : "", describe(p.source), p.path, p.text);
  }
  if (problems.size() > kShown) text += "\nand more";
  throw Error(Exit::usage, text);
}

Json parse_schema(std::string_view text, const std::string& owner) {
  Json schema;
  try {
    schema = parse_json(text, "the schema of " + owner, "schema");
  } catch (const Error& error) {
    throw Error(Exit::plugin, error.what());
  }
  check_dialect(schema, owner, "");
  return schema;
}

}  // namespace selfsup::config
