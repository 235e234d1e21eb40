#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/errors.h"

namespace selfsup {
namespace {

// In the order of Json::Type.
constexpr const char* kTypes[] = {"null", "a boolean", "an integer", "a number", "a string", "a list", "an object"};

[[noreturn]] void wrong_type(const Json& value, const char* expected) {
  throw Error(Exit::usage, fmt::format("{}: expected {}, found {}", describe(value.source), expected,
                                       kTypes[static_cast<size_t>(value.type())]));
}

}  // namespace

bool Json::as_bool() const {
  if (const bool* v = std::get_if<bool>(&value_)) return *v;
  wrong_type(*this, "a boolean");
}

int64_t Json::as_int() const {
  if (const int64_t* v = std::get_if<int64_t>(&value_)) return *v;
  wrong_type(*this, "an integer");
}

double Json::as_double() const {
  if (const double* v = std::get_if<double>(&value_)) return *v;
  if (const int64_t* v = std::get_if<int64_t>(&value_)) return static_cast<double>(*v);
  wrong_type(*this, "a number");
}

const std::string& Json::as_string() const {
  if (const auto* v = std::get_if<std::string>(&value_)) return *v;
  wrong_type(*this, "a string");
}

const Json::Array& Json::as_array() const {
  if (const auto* v = std::get_if<Array>(&value_)) return *v;
  wrong_type(*this, "a list");
}

Json::Array& Json::as_array() { return const_cast<Array&>(std::as_const(*this).as_array()); }

const Json::Object& Json::as_object() const {
  if (const auto* v = std::get_if<Object>(&value_)) return *v;
  wrong_type(*this, "an object");
}

Json::Object& Json::as_object() { return const_cast<Object&>(std::as_const(*this).as_object()); }

const Json* Json::find(std::string_view key) const {
  const auto* object = std::get_if<Object>(&value_);
  if (!object) return nullptr;
  for (const auto& [name, value] : *object)
    if (name == key) return &value;
  return nullptr;
}

Json* Json::find(std::string_view key) { return const_cast<Json*>(std::as_const(*this).find(key)); }

const Json& Json::get(std::string_view key) const {
  as_object();
  if (const Json* value = find(key)) return *value;
  throw Error(Exit::usage, fmt::format("{}: expected the key '{}', which is not there", describe(source), key));
}

Json& Json::set(std::string_view key, Json value) {
  if (Json* present = find(key)) return *present = std::move(value);
  return as_object().emplace_back(std::string(key), std::move(value)).second;
}

bool Json::erase(std::string_view key) {
  auto* object = std::get_if<Object>(&value_);
  return object && std::erase_if(*object, [&](const auto& member) { return member.first == key; }) > 0;
}

const Json* Json::at_path(std::string_view dotted) const {
  const Json* node = this;
  while (node && !dotted.empty()) {
    const size_t dot = dotted.find('.');
    const std::string_view part = dotted.substr(0, dot);
    dotted = dot == std::string_view::npos ? std::string_view() : dotted.substr(dot + 1);
    if (node->is_array()) {
      size_t index = 0;
      const auto [end, failure] = std::from_chars(part.data(), part.data() + part.size(), index);
      const Array& items = node->as_array();
      const bool inside = failure == std::errc() && end == part.data() + part.size() && index < items.size();
      node = inside ? &items[index] : nullptr;
    } else {
      node = node->find(part);
    }
  }
  return node;
}

bool Json::get_bool(std::string_view key, bool otherwise) const {
  const Json* value = find(key);
  return value && !value->is_null() ? value->as_bool() : otherwise;
}

int64_t Json::get_int(std::string_view key, int64_t otherwise) const {
  const Json* value = find(key);
  return value && !value->is_null() ? value->as_int() : otherwise;
}

double Json::get_double(std::string_view key, double otherwise) const {
  const Json* value = find(key);
  return value && !value->is_null() ? value->as_double() : otherwise;
}

std::string Json::get_string(std::string_view key, std::string_view otherwise) const {
  const Json* value = find(key);
  return value && !value->is_null() ? value->as_string() : std::string(otherwise);
}

bool Json::operator==(const Json& other) const {
  const auto *mine = std::get_if<Object>(&value_), *theirs = std::get_if<Object>(&other.value_);
  if (!mine || !theirs) return value_ == other.value_;
  return mine->size() == theirs->size() && std::all_of(mine->begin(), mine->end(), [&](const auto& member) {
           const Json* match = other.find(member.first);
           return match && *match == member.second;
         });
}

std::string describe(const Source& source) {
  if (source.line > 0) return fmt::format("{}:{}:{}", source.name(), source.line, source.column);
  if (!source.name().empty()) return source.name();
  return source.layer().empty() ? "a value without a source" : source.layer();
}

void set_source(Json& value, const Source& source) {
  value.source = source;
  if (value.is_array())
    for (Json& element : value.as_array()) set_source(element, source);
  if (value.is_object())
    for (auto& member : value.as_object()) set_source(member.second, source);
}

}  // namespace selfsup
