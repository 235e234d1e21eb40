#include "base/json.h"

#include <fmt/format.h>
#include <json/reader.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <memory>

#include "base/errors.h"
#include "base/file.h"
#include "base/json_check.h"

namespace selfsup {
namespace {

const char* type_name(Json::Type type) {
  switch (type) {
    case Json::Type::null:
      return "null";
    case Json::Type::boolean:
      return "a boolean";
    case Json::Type::integer:
      return "an integer";
    case Json::Type::real:
      return "a number";
    case Json::Type::string:
      return "a string";
    case Json::Type::array:
      return "a list";
    case Json::Type::object:
      break;
  }
  return "an object";
}

[[noreturn]] void wrong_type(const Json& value, const char* expected) {
  throw Error(Exit::usage,
              fmt::format("{}: expected {}, found {}", describe(value.origin), expected, type_name(value.type())));
}

// jsoncpp's tree to ours. jsoncpp sorts members by name; the offsets give the order of appearance back. Numbers are
// read again from the text, because jsoncpp's double depends on the process's locale.
class Converter {
 public:
  Converter(std::string_view text, const std::string& source, const std::string& layer)
      : text_(text), position_(text), source_(source), layer_(layer) {}

  Json convert(const ::Json::Value& value) {  // recursion is bounded by JsonLimits::max_depth
    Json result;
    position_.move_to(static_cast<size_t>(value.getOffsetStart()));  // parents before children: only ever forward
    const Origin origin{layer_, source_, position_.line(), position_.column()};
    switch (value.type()) {
      case ::Json::nullValue:
        break;
      case ::Json::booleanValue:
        result = Json(value.asBool());
        break;
      case ::Json::stringValue: {
        const char *begin = nullptr, *end = nullptr;
        value.getString(&begin, &end);
        result = Json(std::string(begin, end));
        break;
      }
      case ::Json::intValue:
      case ::Json::uintValue:
        result = Json(read<int64_t>(value));
        break;
      case ::Json::realValue:
        result = Json(read<double>(value));
        break;
      case ::Json::arrayValue: {
        Json::Array items;
        items.reserve(value.size());
        for (const ::Json::Value& item : value) items.push_back(convert(item));
        result = Json(std::move(items));
        break;
      }
      case ::Json::objectValue:
        result = members(value);
        break;
    }
    result.origin = origin;
    return result;
  }

 private:
  Json members(const ::Json::Value& value) {
    std::vector<::Json::Value::const_iterator> order;
    order.reserve(value.size());
    for (auto it = value.begin(); it != value.end(); ++it) order.push_back(it);
    std::sort(order.begin(), order.end(), [](auto a, auto b) { return a->getOffsetStart() < b->getOffsetStart(); });
    Json::Object object;
    object.reserve(order.size());
    for (const auto& it : order) {
      std::string name = it.name();
      object.emplace_back(std::move(name), convert(*it));
    }
    return Json(std::move(object));
  }

  template <class Number>
  Number read(const ::Json::Value& value) const {
    Number number{};
    std::from_chars(text_.data() + value.getOffsetStart(), text_.data() + value.getOffsetLimit(), number);
    return number;
  }

  std::string_view text_;
  TextPosition position_;
  const std::string& source_;
  const std::string& layer_;
};

std::string read_text_file(const std::string& path, size_t max_bytes) {
  try {
    return RegularFile(path).read_all(max_bytes);
  } catch (const FileError& error) {
    throw Error(Exit::usage, fmt::format("{}: {}", path, error.what()));
  }
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
  throw Error(Exit::usage, fmt::format("{}: expected the key '{}', which is not there", describe(origin), key));
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

Json parse_json(std::string_view text, const std::string& source, const std::string& layer, const JsonLimits& limits) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // some editors put one; it says nothing
  const std::vector<CommentRange> comments = check_json(text, source, limits);
  // jsoncpp does not take comments in every place, so it never sees them; offsets stay as they are.
  std::string without_comments;
  std::string_view plain = text;
  if (!comments.empty()) {
    without_comments = text;
    for (const CommentRange& range : comments)
      std::fill(without_comments.begin() + static_cast<ptrdiff_t>(range.begin),
                without_comments.begin() + static_cast<ptrdiff_t>(range.end), ' ');
    plain = without_comments;
  }
  ::Json::CharReaderBuilder builder;
  ::Json::CharReaderBuilder::strictMode(&builder.settings_);
  builder["strictRoot"] = false;
  builder["collectComments"] = false;
  builder["stackLimit"] = limits.max_depth + 2;
  const std::unique_ptr<::Json::CharReader> reader(builder.newCharReader());
  ::Json::Value root;
  std::string problems;
  if (!reader->parse(plain.data(), plain.data() + plain.size(), &root, &problems))
    throw Error(Exit::usage, fmt::format("{}: {}", source, problems));
  return Converter(text, source, layer).convert(root);
}

Json read_json_file(const std::string& path, const std::string& layer, const JsonLimits& limits) {
  return parse_json(read_text_file(path, limits.max_bytes), path, layer, limits);
}

std::string describe(const Origin& origin) {
  if (origin.line > 0) return fmt::format("{}:{}:{}", origin.source, origin.line, origin.column);
  if (!origin.source.empty()) return origin.source;
  return origin.layer.empty() ? "a value without origin" : origin.layer;
}

void set_origin(Json& value, const Origin& origin) {
  value.origin = origin;
  if (value.is_array())
    for (Json& element : value.as_array()) set_origin(element, origin);
  if (value.is_object())
    for (auto& member : value.as_object()) set_origin(member.second, origin);
}

}  // namespace selfsup
