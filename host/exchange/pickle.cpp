#include "exchange/pickle.h"

#include <fmt/format.h>

#include <cstring>
#include <optional>

#include "base/text.h"
#include "base/utf8.h"
#include "exchange/pickle_names.h"
#include "exchange/zip.h"

namespace selfsup::exchange {
namespace {

using Id = Pickle::Id;
using Kind = Pickle::Kind;

constexpr int newest_protocol = 5;
constexpr Id not_kept = UINT32_MAX;

[[noreturn]] void bad(const std::string& text) { throw Malformed(text); }

}  // namespace

// The stack machine, by the codes of Python's pickletools.
class PickleMachine {
 public:
  PickleMachine(Pickle& into, std::string_view bytes) : out_(into), bytes_(bytes) {}
  void run();

 private:
  // --- bytes
  std::string_view take(uint64_t bytes) {
    if (bytes > bytes_.size() - at_) bad("it ends within a value: it is cut off or damaged");
    const std::string_view taken = bytes_.substr(at_, bytes);
    at_ += bytes;
    return taken;
  }
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string_view line() {
    const size_t end = bytes_.find('\n', at_);
    if (end == bytes_.npos) bad("it ends within a name: it is cut off or damaged");
    const std::string_view text = bytes_.substr(at_, end - at_);
    at_ = end + 1;
    return text;
  }

  // --- values
  Id make(Kind kind) {
    if (out_.values_.size() >= Pickle::max_values)
      bad(fmt::format("it has more than {} values, more than any file of weights", Pickle::max_values));
    out_.values_.emplace_back().kind = kind;
    return static_cast<Id>(out_.values_.size() - 1);
  }
  Pickle::Value& value(Id id) { return out_.values_[id]; }
  void push(Id id) { stack_.push_back(id); }
  void push_new(Kind kind) { push(make(kind)); }
  void push_integer(int64_t number, Kind kind = Kind::integer) {
    push_new(kind);
    value(stack_.back()).number = number;
  }
  void push_text(std::string_view text, Kind kind = Kind::text) {
    push_new(kind);
    value(stack_.back()).text = text;
  }
  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  Id top() const {
    if (stack_.size() <= floor()) bad("it takes more values than it has given");
    return stack_.back();
  }
  Id pop() {
    const Id id = top();
    stack_.pop_back();
    return id;
  }
  std::vector<Id> pop_to_mark() {
    if (marks_.empty()) bad("it goes back to a mark that it has not set");
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<Id> items(first, stack_.end());
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return items;
  }
  std::vector<Id> pop_last(size_t count) {
    std::vector<Id> items(count);
    for (size_t i = count; i-- > 0;) items[i] = pop();
    return items;
  }
  void push_items(Kind kind, std::vector<Id> items) {
    const Id id = make(kind);
    value(id).items = std::move(items);
    push(id);
  }

  // --- what is done
  void step(uint8_t code);
  // Writers number what they keep without gaps.
  void memoize(size_t key) {
    if (key >= Pickle::max_values) bad("it keeps more values than any file of weights");
    if (key >= memo_.size()) memo_.resize(key + 1, not_kept);
    memo_[key] = top();
  }
  void recall(size_t key) {
    if (key >= memo_.size() || memo_[key] == not_kept) bad("it recalls a value that it has not kept");
    push(memo_[key]);
  }
  void push_global(std::string_view module, std::string_view name);
  void long_integer(std::string_view bytes);
  void add(std::vector<Id> items, Kind kind);
  void reduce(Id callable, Id arguments);
  void persistent(Id id);
  void make_tensor(const std::vector<Id>& arguments, bool typed);
  int64_t integer_of(Id id, const char* what) {
    if (value(id).kind != Kind::integer) bad(fmt::format("the {} of a tensor is no number", what));
    return value(id).number;
  }
  std::vector<int64_t> integers_of(Id id, const char* what) {
    const Pickle::Value& list = value(id);
    if (list.kind != Kind::tuple && list.kind != Kind::list) bad(fmt::format("the {} of a tensor are no list", what));
    if (list.items.size() > Pickle::max_dims) bad(fmt::format("a tensor has {} {}", list.items.size(), what));
    std::vector<int64_t> numbers;
    for (const Id item : list.items) numbers.push_back(integer_of(item, what));
    return numbers;
  }

  Pickle& out_;
  std::string_view bytes_;
  size_t at_ = 0;
  size_t copied_ = 0;  // members of dictionaries
  bool stopped_ = false;
  std::vector<Id> stack_;
  std::vector<size_t> marks_;
  std::vector<Id> memo_;
};

void PickleMachine::run() {
  for (size_t codes = 0; !stopped_; ++codes) {
    if (codes == Pickle::max_codes)
      bad(fmt::format("its pickle has more than {} codes, more than any file of weights", Pickle::max_codes));
    step(number<uint8_t>());
  }
  out_.root_ = pop();
  out_.size_ = at_;
}

void PickleMachine::step(uint8_t code) {
  switch (code) {
    case 0x80:  // protocol
      if (const auto protocol = number<uint8_t>(); protocol > newest_protocol)
        bad(fmt::format("its pickle has protocol {}; up to {} is read", protocol, newest_protocol));
      return;
    case 0x95:  // frame
      if (number<uint64_t>() > bytes_.size() - at_) bad("it ends within a frame: it is cut off or damaged");
      return;
    case '.':
      stopped_ = true;
      return;
    case '(':
      return marks_.push_back(stack_.size());
    case '0':
      return void(pop());
    case '1':
      return void(pop_to_mark());
    case '2':
      return push(top());
    case 'N':
      return push_new(Kind::none);
    case 0x88:
      return push_integer(1, Kind::boolean);
    case 0x89:
      return push_integer(0, Kind::boolean);
    case 'J':
      return push_integer(number<int32_t>());
    case 'K':
      return push_integer(number<uint8_t>());
    case 'M':
      return push_integer(number<uint16_t>());
    case 0x8a:
      return long_integer(take(number<uint8_t>()));
    case 0x8b:
      return long_integer(take(number<uint32_t>()));
    case 'G':
      take(8);
      return push_new(Kind::real);
    case 'T':
    case 'X':
      return push_text(take(number<uint32_t>()));
    case 'U':
    case 0x8c:
      return push_text(take(number<uint8_t>()));
    case 0x8d:
      return push_text(take(number<uint64_t>()));
    case 'B':
      return push_text(take(number<uint32_t>()), Kind::bytes);
    case 'C':
      return push_text(take(number<uint8_t>()), Kind::bytes);
    case 0x8e:
    case 0x96:
      return push_text(take(number<uint64_t>()), Kind::bytes);
    case ']':
      return push_new(Kind::list);
    case ')':
      return push_new(Kind::tuple);
    case '}':
      return push_new(Kind::dict);
    case 0x8f:
      return push_new(Kind::opaque);  // a set
    case 'l':
      return push_items(Kind::list, pop_to_mark());
    case 't':
      return push_items(Kind::tuple, pop_to_mark());
    case 'd':
      return push_items(Kind::dict, pop_to_mark());
    case 0x91:
      pop_to_mark();
      return push_new(Kind::opaque);  // a frozen set
    case 0x85:
    case 0x86:
    case 0x87:
      return push_items(Kind::tuple, pop_last(code - 0x84u));
    case 'a':
      return add(pop_last(1), Kind::list);
    case 'e':
      return add(pop_to_mark(), Kind::list);
    case 's':
      return add(pop_last(2), Kind::dict);
    case 'u':
      return add(pop_to_mark(), Kind::dict);
    case 0x90:
      return add(pop_to_mark(), Kind::opaque);
    case 'q':
      return memoize(number<uint8_t>());
    case 'r':
      return memoize(number<uint32_t>());
    case 0x94:
      return memoize(memo_.size());
    case 'h':
      return recall(number<uint8_t>());
    case 'j':
      return recall(number<uint32_t>());
    case 'c': {
      const std::string_view module = line(), name = line();
      return push_global(module, name);
    }
    case 0x93: {
      const Id name = pop(), module = pop();
      if (value(name).kind != Kind::text || value(module).kind != Kind::text) bad("a name in it is no text");
      return push_global(value(module).text, value(name).text);
    }
    case 'R':
    case 0x81: {
      const Id arguments = pop(), callable = pop();
      return reduce(callable, arguments);
    }
    case 0x92: {
      pop();  // named arguments
      const Id arguments = pop(), callable = pop();
      return reduce(callable, arguments);
    }
    case 'b':  // attributes, of which weights need none
      pop();
      top();
      return;
    case 'Q':
      return persistent(pop());
    default:
      bad(fmt::format("its pickle has the code {:#04x}, which PyTorch's files do not use", code));
  }
}

// Little-endian two's complement. One that does not fit has no meaning for weights.
void PickleMachine::long_integer(std::string_view bytes) {
  if (bytes.size() > sizeof(int64_t)) return push_new(Kind::opaque);
  uint64_t bits = !bytes.empty() && (bytes.back() & 0x80) ? ~uint64_t{0} : 0;
  for (size_t i = bytes.size(); i-- > 0;) bits = bits << 8 | static_cast<uint8_t>(bytes[i]);
  push_integer(static_cast<int64_t>(bits));
}

void PickleMachine::push_global(std::string_view module, std::string_view name) {
  if (module.size() > 200 || name.size() > 200 || !valid_utf8(module) || !valid_utf8(name))
    bad("a name in its pickle is no name");
  const std::string& whole = *out_.names_.insert(fmt::format("{}.{}", module, name)).first;
  if (!meaning_of(whole))
    bad(fmt::format(
        "its pickle names {}, which weights have no need of, so it is refused; nothing of it was run. A file "
        "of a whole model or of other objects has to be saved again in Python, as "
        "torch.save(model.state_dict(), …)",
        whole));
  push_text(whole, Kind::global);
}

void PickleMachine::add(std::vector<Id> items, Kind kind) {
  Pickle::Value& into = value(top());
  if (into.kind == Kind::opaque) return;
  if (into.kind != kind || (kind == Kind::dict && items.size() % 2 != 0)) bad("it adds to what is no collection");
  into.items.insert(into.items.end(), items.begin(), items.end());
}

void PickleMachine::reduce(Id callable, Id arguments) {
  if (value(arguments).kind != Kind::tuple) bad("it calls something without a list of arguments");
  if (value(callable).kind == Kind::opaque) return push_new(Kind::opaque);
  if (value(callable).kind != Kind::global) bad("it calls what is no function");
  const std::vector<Id>& given = value(arguments).items;
  switch (*meaning_of(value(callable).text)) {
    case PickleName::dictionary: {
      std::vector<Id> members;
      if (!given.empty() && value(given.front()).kind == Kind::dict) members = value(given.front()).items;
      if (!given.empty() && value(given.front()).kind == Kind::list)  // of pairs
        for (const Id pair : value(given.front()).items) {
          const std::vector<Id>& items = value(pair).items;
          if (items.size() != 2) bad("it makes a dictionary of what are no pairs");
          members.insert(members.end(), items.begin(), items.end());
        }
      if (members.size() % 2 != 0) bad("a dictionary has a key without a value");
      copied_ += members.size();
      if (copied_ > Pickle::max_values) bad("it copies dictionaries without end");
      return push_items(Kind::dict, std::move(members));
    }
    case PickleName::tensor:
      return make_tensor(given, false);
    case PickleName::typed_tensor:
      return make_tensor(given, true);
    case PickleName::parameter:
      if (given.empty() || value(given.front()).kind != Kind::tensor) bad("a parameter is no tensor");
      return push(given.front());
    case PickleName::storage:
    case PickleName::dtype:
    case PickleName::harmless:
      return push_new(Kind::opaque);
  }
}

// ('storage', type, key, location, elements[, view])
void PickleMachine::persistent(Id id) {
  const std::vector<Id>& parts = value(id).items;
  if (value(id).kind != Kind::tuple || parts.size() < 5 || value(parts[0]).text != "storage" ||
      value(parts[1]).kind != Kind::global || meaning_of(value(parts[1]).text) != PickleName::storage ||
      value(parts[2]).kind != Kind::text || value(parts[4]).kind != Kind::integer || value(parts[4]).number < 0)
    bad("it refers to something that is no storage of PyTorch's");
  if (parts.size() > 5 && value(parts[5]).kind != Kind::none)
    bad("it has a storage within a storage, as PyTorch wrote before version 0.4; load and save it again in Python");
  if (value(parts[2]).text.size() > 200 || out_.storages_.size() >= Pickle::max_tensors)
    bad("it has more storages than any file of weights");
  push_new(Kind::storage);
  value(stack_.back()).number = static_cast<int64_t>(out_.storages_.size());
  out_.storages_.push_back({dtype_of(value(parts[1]).text), std::string(value(parts[2]).text),
                            static_cast<uint64_t>(value(parts[4]).number)});
}

void PickleMachine::make_tensor(const std::vector<Id>& arguments, bool typed) {
  if (arguments.size() < (typed ? 7 : 4) || value(arguments[0]).kind != Kind::storage)
    bad("a tensor in it has no storage");
  PickledTensor tensor;
  tensor.storage = static_cast<size_t>(value(arguments[0]).number);
  tensor.dtype = out_.storages_[tensor.storage].dtype;
  if (typed) {
    if (value(arguments[6]).kind != Kind::global) bad("the dtype of a tensor is none");
    tensor.dtype = dtype_of(value(arguments[6]).text);
  }
  tensor.offset = integer_of(arguments[1], "offset");
  tensor.shape = integers_of(arguments[2], "sizes");
  tensor.strides = integers_of(arguments[3], "strides");
  if (out_.tensors_.size() >= Pickle::max_tensors) bad("it has more tensors than any file of weights");
  push_new(Kind::tensor);
  value(stack_.back()).number = static_cast<int64_t>(out_.tensors_.size());
  out_.tensors_.push_back(std::move(tensor));
}

Pickle::Pickle(std::string_view bytes) { PickleMachine(*this, bytes).run(); }

}  // namespace selfsup::exchange
