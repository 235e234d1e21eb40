// A JSON value that remembers where each part came from. Knows nobody; json_parse.cpp alone includes jsoncpp.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace selfsup {

// Where a value was written. All values of one text share its layer and name. line and column are 1-based; 0: the
// source has no lines (a flag, a default).
class Source {
 public:
  Source() = default;
  Source(std::string layer, std::string name, int at_line = 0, int at_column = 0)
      : line(at_line),
        column(at_column),
        origin_(std::make_shared<const Origin>(Origin{std::move(layer), std::move(name)})) {}
  Source at(int other_line, int other_column) const {  // in the same text
    Source other = *this;
    other.line = other_line, other.column = other_column;
    return other;
  }

  const std::string& layer() const { return origin().layer; }  // "default", "base", "file", "cfg-options", "flag", …
  const std::string& name() const { return origin().name; }    // the file's path, the flag's text, a plugin's id, …
  int line = 0, column = 0;

 private:
  struct Origin {
    std::string layer, name;
  };
  const Origin& origin() const {
    static const Origin none;
    return origin_ ? *origin_ : none;
  }
  std::shared_ptr<const Origin> origin_;
};

class Json {
 public:
  enum class Type { null, boolean, integer, real, string, array, object };
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;  // in order of appearance; keys are unique

  Json() = default;
  Json(std::nullptr_t) {}
  Json(bool v) : value_(v) {}
  Json(int v) : value_(static_cast<int64_t>(v)) {}
  Json(int64_t v) : value_(v) {}
  Json(double v) : value_(v) {}
  Json(const char* v) : value_(std::string(v)) {}
  Json(std::string v) : value_(std::move(v)) {}
  Json(std::string_view v) : value_(std::string(v)) {}
  Json(Array v) : value_(std::move(v)) {}
  Json(Object v) : value_(std::move(v)) {}
  static Json object() { return Json(Object{}); }
  static Json array() { return Json(Array{}); }

  Type type() const { return static_cast<Type>(value_.index()); }
  bool is_null() const { return type() == Type::null; }
  bool is_bool() const { return type() == Type::boolean; }
  bool is_int() const { return type() == Type::integer; }
  bool is_number() const { return is_int() || type() == Type::real; }
  bool is_string() const { return type() == Type::string; }
  bool is_array() const { return type() == Type::array; }
  bool is_object() const { return type() == Type::object; }

  // Typed access; a wrong type is an Error(usage) that names the source. as_double takes an integer too.
  bool as_bool() const;
  int64_t as_int() const;
  double as_double() const;
  const std::string& as_string() const;
  const Array& as_array() const;
  Array& as_array();
  const Object& as_object() const;
  Object& as_object();

  // Object members. find is null when absent (or when this is no object); get is an error when absent.
  const Json* find(std::string_view key) const;
  Json* find(std::string_view key);
  const Json& get(std::string_view key) const;
  bool has(std::string_view key) const { return find(key) != nullptr; }
  Json& set(std::string_view key, Json value);  // replaces or appends; returns the stored value
  bool erase(std::string_view key);
  // "a.b.0.c"; a numeric part indexes an array. Null when absent.
  const Json* at_path(std::string_view dotted) const;

  // Values with a default for an absent (or null) member.
  bool get_bool(std::string_view key, bool otherwise) const;
  int64_t get_int(std::string_view key, int64_t otherwise) const;
  double get_double(std::string_view key, double otherwise) const;
  std::string get_string(std::string_view key, std::string_view otherwise) const;

  // Equal values; origins and the order of members do not count. 1 and 1.0 differ.
  bool operator==(const Json& other) const;

  Source source;

 private:
  std::variant<std::monostate, bool, int64_t, double, std::string, Array, Object> value_;
};

// Gives a value and everything in it one source.
void set_source(Json& value, const Source& source);

struct JsonLimits {
  size_t max_bytes = 16u << 20;
  int max_depth = 64;
  size_t max_members = SIZE_MAX;    // of one object
  size_t max_key_bytes = SIZE_MAX;  // of one key
  bool comments = true;             // // and /* */, as in configuration files
};

// Strict: UTF-8 (a leading BOM is skipped) without NUL, no duplicate keys, no trailing text or commas, no leading
// zeros, integers that fit 64 bits, doubles that neither overflow nor vanish. Errors are Error(usage)
// "FILE:LINE:COLUMN: …". Every value gets its source; columns count characters. read_json_file takes regular files
// only: a FIFO or a folder is an error, not a wait.
Json parse_json(std::string_view text, const std::string& source, const std::string& layer,
                const JsonLimits& limits = {});
Json read_json_file(const std::string& path, const std::string& layer, const JsonLimits& limits = {});

// indent < 0: one line. Doubles are written so that they read back equal, and never as an integer; one that is not
// finite is Error(failed). Bytes of strings that are not UTF-8 become U+FFFD.
std::string to_text(const Json& value, int indent = -1);

// "file.json:12:5", or "--cfg-options a.b=1", or "the default"; for messages.
std::string describe(const Source& source);

}  // namespace selfsup
