#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/function_schema.h>

#include <sstream>
#include <stdexcept>

#include "base/random.h"
#include "bridge/support/op_samples.h"

namespace selfsup::bridge::testing {
namespace {

using Texts = std::map<std::string, std::string>;

Texts parse_pairs(const std::string& line) {
  Texts pairs;
  std::istringstream words(line);
  for (std::string word; words >> word;) {
    const size_t equals = word.find('=');
    if (equals != std::string::npos) pairs[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return pairs;
}

const std::map<std::string, Texts>& overrides() {
  static const std::map<std::string, Texts> all = [] {
    std::map<std::string, Texts> map;
    std::istringstream lines(kSamples);
    for (std::string line; std::getline(lines, line);) {
      if (line.empty()) continue;
      map[line.substr(0, line.find(' '))] = parse_pairs(line);
    }
    return map;
  }();
  return all;
}

std::vector<double> numbers(const std::string& text) {
  std::vector<double> list;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) list.push_back(std::stod(part));
  return list;
}

// Deterministic, and different for each text and place.
at::Tensor random_tensor(const std::string& maker, std::vector<int64_t> sizes) {
  static uint64_t place = 0;
  auto generator = at::detail::createCPUGenerator(mix64(++place) & 0xffffffff);
  const auto uniform = [&](double lo, double hi) { return at::empty(sizes).uniform_(lo, hi, generator); };
  switch (maker[0]) {
    case 'u':
      return uniform(0.1, 0.9);
    case 'd':
      return uniform(0.1, 0.9).to(at::kDouble);
    case 'n':
      return at::empty(sizes).normal_(0, 1, generator);
    case 'p':
      if (maker == "perm") return at::randperm(sizes[0], generator, at::kLong);
      return uniform(0.5, 1.5);
    case 'g':
      return at::where(uniform(0, 1) > 0.5, 1.0, -1.0).to(at::kFloat);
    case 'b':
      return uniform(0, 1) > 0.5;
    case 'c':
      return at::complex(uniform(0.1, 0.9), uniform(0.1, 0.9));
    case 'i':
      return at::randint(std::stoll(maker.substr(1)), sizes, generator, at::kLong);
    case 't':
      return uniform(0.1, 0.9).t().contiguous().t();
    case 's': {
      const at::Tensor m = uniform(0.1, 0.9);
      return at::mm(m, m.t()) + at::diag(at::arange(1, sizes[0] + 1).to(at::kFloat));
    }
  }
  throw std::runtime_error("no maker " + maker);
}

at::Tensor parse_tensor(std::string text, bool gradients, bool bf16) {
  if (text.back() == '!') {
    gradients = false;
    text.pop_back();
  }
  int64_t plus = 0;
  if (const size_t p = text.find("]+"); p != std::string::npos) {
    plus = std::stoll(text.substr(p + 2));
    text.resize(p + 1);
  }
  const size_t open = text.find('[');
  const std::string maker = text.substr(0, open);
  const std::vector<double> inside = numbers(text.substr(open + 1, text.size() - open - 2));
  at::Tensor t;
  if (maker == "x") {
    t = at::tensor(at::ArrayRef<double>(inside)).to(at::kFloat);
    gradients = false;
  } else {
    t = random_tensor(maker, std::vector<int64_t>(inside.begin(), inside.end()));
  }
  if (plus) t = t + plus;
  if (bf16 && t.scalar_type() == at::kFloat) t = t.to(at::kBFloat16);
  if (maker == "g") gradients = false;
  if (gradients && (t.is_floating_point() || t.is_complex())) t.set_requires_grad(true);
  return t;
}

bool is_tensor_type(const c10::TypePtr& type) { return type->repr_str().find("Tensor") != std::string::npos; }

}  // namespace

Value parse_value(const std::string& text, bool gradients, bool bf16) {
  Value v;
  using K = Value::Kind;
  if (text == "none") return v;
  if (text == "default") {
    v.kind = K::byDefault;
  } else if (text == "device") {
    v.kind = K::device;
  } else if (text == "gen") {
    v.kind = K::generator;
  } else if (text == "f32" || text == "f64" || text == "bf16") {
    v.kind = K::dtype;
    v.ints = {text == "f32" ? SSP_F32 : text == "f64" ? SSP_F64 : SSP_BF16};
  } else if (text == "true" || text == "false") {
    v.kind = K::boolean;
    v.ints = {text == "true"};
  } else if (text[0] == '"') {
    v.kind = K::text;
    v.text = text.substr(1, text.size() - 2);
  } else if (text[0] == '(') {
    v.kind = K::ints;
    for (double d : numbers(text.substr(1, text.size() - 2))) v.ints.push_back(static_cast<int64_t>(d));
  } else if (text[0] == '{') {
    v.kind = K::tensors;
    std::istringstream parts(text.substr(1, text.size() - 2));
    for (std::string part; std::getline(parts, part, ';');) v.tensors.push_back(parse_tensor(part, gradients, bf16));
  } else if (text.find('[') != std::string::npos) {
    v.kind = K::tensor;
    v.tensors = {parse_tensor(text, gradients, bf16)};
  } else if (text.find('.') != std::string::npos) {
    v.kind = K::real;
    v.real = std::stod(text);
  } else {
    v.kind = K::integer;
    v.ints = {std::stoll(text)};
  }
  return v;
}

std::vector<std::string> sample_of(const ListedOp& op) {
  static const Texts tensors = parse_pairs(kTensorArguments), others = parse_pairs(kOtherArguments);
  const std::string full = full_name(op.name, op.overload);
  const auto schema = c10::Dispatcher::singleton().findSchemaOrThrow(op.name.c_str(), op.overload.c_str()).schema();
  const auto own = overrides().find(full);
  std::vector<std::string> sample;
  for (const std::string& name : op.arguments) {
    const auto index = schema.argumentIndexWithName(name);
    if (!index) throw std::runtime_error(full + " has no argument " + name);
    const c10::Argument& argument = schema.arguments()[static_cast<size_t>(*index)];
    if (own != overrides().end() && own->second.count(name)) {
      sample.push_back(own->second.at(name));
      continue;
    }
    const Texts& makers = is_tensor_type(argument.real_type()) ? tensors : others;
    const auto it = makers.find(name);
    if (it != makers.end() && !(it->second == "default" && !argument.default_value())) {
      sample.push_back(it->second);
    } else if (argument.default_value()) {
      sample.push_back("default");
    } else {
      throw std::runtime_error(full + ": no sample for argument " + name);
    }
  }
  return sample;
}

}  // namespace selfsup::bridge::testing
