// The table "ssp.rng": random numbers as functions of keys.
#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include "base/random.h"
#include "bridge/components/session.h"
#include "bridge/host_state.h"
#include "bridge/status.h"
#include "bridge/tables/call.h"
#include "bridge/tables/extensions.h"
#include "bridge/testing.h"

namespace selfsup::bridge {
namespace {

testing::PerSample& replacement() {
  static auto& it = *new testing::PerSample;
  return it;
}

constexpr uint64_t kShared = ~uint64_t{0};
constexpr uint64_t kNoView = ~uint64_t{0};
// Keys of the two kinds of rows differ in more than their numbers, which may coincide.
constexpr uint64_t kOfSample = hash_name("row of a sample"), kOfPlace = hash_name("row of a place in the run");
constexpr uint64_t kOfGenerator = hash_name("generator");

int64_t expected_rows(const Call& c) {
  return c.scope.batch * static_cast<int64_t>(c.views.empty() ? 1 : c.views.size());
}

// Of the component whose code runs: two of them may use one name.
uint64_t component_key(const HostState& host) { return host.current ? host.current->key : 0; }

// The key of each row; of the sample and view, or of the place in this iteration when rows are nobody's.
uint64_t row_key(const Call& c, uint64_t site, int64_t row, const int64_t* samples) {
  const Environment& e = c.scope.host.environment;
  const Step& s = c.scope.step;
  if (!c.known_rows || !samples)
    return hash_key(e.seed, kOfPlace, static_cast<uint64_t>(c.scope.host.group().rank()), s.iter,
                    static_cast<uint64_t>(row), site);
  const auto views = static_cast<int64_t>(c.views.size());
  int64_t sample = row;
  uint64_t view = kNoView;
  if (views > 0) {
    const bool cat = c.layout == SSP_ROWS_CAT;
    sample = cat ? row % c.scope.batch : row / views;
    view = static_cast<uint64_t>(c.views[static_cast<size_t>(cat ? row / c.scope.batch : row % views)]);
  }
  return hash_key(e.seed, kOfSample, s.epoch, static_cast<uint64_t>(samples[sample]), view, site);
}

[[noreturn]] void drawn_twice(const HostState& host, const char* function, std::string_view site,
                              const std::string& where) {
  fail(SSP_E_ARGUMENT,
       fmt::format("{}('{}'): {} has drawn at this site{} in this call already, and would get the same numbers again; "
                   "name the site otherwise, or fork the call with a site of its own for each forward",
                   function, site, host.current ? host.current->label : "the caller", where));
}

// Each view's rows are drawn once at one site.
void note_drawn(const Call& c, uint64_t site, std::string_view name) {
  HostState& host = c.scope.host;
  if (!c.known_rows || c.views.empty()) {
    if (!host.drawn.insert(hash_key(c.known_rows ? kOfSample : kOfPlace, site)))
      drawn_twice(host, "per_sample", name, "");
    return;
  }
  for (int32_t view : c.views) {
    if (!host.drawn.insert(hash_key(kOfSample, static_cast<uint64_t>(view), site)))
      drawn_twice(host, "per_sample", name, fmt::format(" for view {}", view));
  }
}

// Column j of a row is the last part of hash_key(…, site, j): one mix a number.
void fill_row(uint64_t key, const uint64_t* columns, float* out, int64_t n) {
  for (int64_t j = 0; j < n; ++j) out[j] = static_cast<float>(mix64(key ^ columns[j]) >> 40) * 0x1.0p-24f;
}

at::Tensor draw(const Call& c, uint64_t site, int64_t rows, int64_t n) {
  const bool pinned = c.scope.host.environment.device.is_cuda();  // for the copy that does not wait
  at::Tensor out = at::empty({rows, n}, at::TensorOptions().dtype(at::kFloat).pinned_memory(pinned));
  float* data = out.mutable_data_ptr<float>();
  const int64_t* samples = c.scope.sample_index.defined() ? c.scope.sample_index.const_data_ptr<int64_t>() : nullptr;
  std::vector<uint64_t> columns(static_cast<size_t>(n));
  for (int64_t j = 0; j < n; ++j)
    columns[static_cast<size_t>(j)] = mix64(static_cast<uint64_t>(j) + 0x632be59bd9b4e019ull);
  for (int64_t r = 0; r < rows; ++r) fill_row(row_key(c, site, r, samples), columns.data(), data + r * n, n);
  return out;
}

ssp_status per_sample(ssp_call* call, ssp_str site, int64_t rows, int64_t n, ssp_tensor* out) {
  return guarded([&] {
    const Call& c = checked(call);
    HostState& host = c.scope.host;
    require(out != nullptr, SSP_E_ARGUMENT, "per_sample: out is null");
    require(rows >= 0 && n >= 0 && rows < (int64_t{1} << 31) && n < (int64_t{1} << 31), SSP_E_ARGUMENT,
            "per_sample: rows or n is out of range");
    const std::string_view name = view(site);
    if (c.known_rows && rows != expected_rows(c)) {
      fail(SSP_E_ARGUMENT,
           fmt::format("per_sample('{}'): {} rows asked for, this call has {}; fork the call to say which views "
                       "the rows are",
                       name, rows, expected_rows(c)));
    }
    const uint64_t key = hash_key(component_key(host), c.site, hash_name(name));
    note_drawn(c, key, name);
    at::Tensor values = replacement() ? replacement()(name, rows, n) : draw(c, key, rows, n);
    *out = host.handles.give(values.to(host.environment.device, /*non_blocking=*/true));
  });
}

ssp_status generator(ssp_call* call, ssp_str site, uint64_t index, uint32_t scope, ssp_tensor like, ssp_value* out) {
  return guarded([&] {
    const Call& c = checked(call);
    HostState& host = c.scope.host;
    require(out != nullptr, SSP_E_ARGUMENT, "generator: out is null");
    require(scope <= SSP_RNG_SHARED, SSP_E_ARGUMENT, "generator: scope is SSP_RNG_RANK or SSP_RNG_SHARED");
    const at::Device device = host.handles.peek(like).device();
    const Environment& e = host.environment;
    const Step& s = c.scope.step;
    const uint64_t who = scope == SSP_RNG_SHARED ? kShared : static_cast<uint64_t>(host.group().rank());
    const std::string_view name = view(site);
    const uint64_t key = hash_key(e.seed, who, s.iter, s.micro, component_key(host), c.site, hash_name(name), index);
    if (!host.drawn.insert(hash_key(kOfGenerator, key)))
      drawn_twice(host, "generator", name, fmt::format(" with index {}", index));
    *out = {SSP_V_GENERATOR, 0, {}};
    out->u.i = host.generators.lend(device, key);
  });
}

}  // namespace

void testing::replace_per_sample(PerSample function) { replacement() = std::move(function); }

const ssp_rng rng_table = {sizeof(ssp_rng), 0, per_sample, generator};

}  // namespace selfsup::bridge
