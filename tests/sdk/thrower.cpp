// A plugin of every kind that goes wrong in one callback. SELFSUP_TEST_FAULT="CALLBACK N FAULT" says which, from its
// N-th call on, and how: std, int, foreign and config are thrown, segv and overflow crash. Callbacks that several
// components have are COMPONENT.CALLBACK.
#include <err.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cfenv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <sstream>
#include <thread>

#include "../stack_overflow.h"
#include "ssp/cpp/plugin.hpp"

using namespace ssp;

namespace {

struct Foreign {};

struct Plan {
  std::string callback, fault;
  int from = 1;
  Plan() {
    const char* text = std::getenv("SELFSUP_TEST_FAULT");
    std::istringstream(text ? text : "") >> callback >> from >> fault;
  }
};

int* volatile nowhere = nullptr;

// What goes wrong on a thread of the plugin's own.
void in_a_thread(const std::string& fault) {
  if (fault == "thread_segv") std::thread([] { *nowhere = 1; }).join();
  if (fault == "thread_abort") std::thread([] { std::abort(); }).join();
  if (fault == "thread_throw") std::thread([] { throw Foreign(); }).join();
  if (fault != "terminate") return;
  std::set_terminate([] { _exit(0); });
  std::thread([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    throw Foreign();
  }).detach();
}

// What is the process's, and no plugin's.
void to_the_process(const std::string& fault) {
  if (fault == "chdir" && chdir("/") == 0) std::abort();
  if (fault == "raw_chdir") syscall(SYS_chdir, "/");
  if (fault == "umask") umask(0777);
  if (fault == "round") std::fesetround(FE_UPWARD);
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1})
    if (fault == "ignore") std::signal(signal, SIG_IGN);
  sigset_t all;
  sigfillset(&all);
  if (fault == "block") pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

// The fault that is due here, or "". Throws if that is the fault.
std::string at(const std::string& callback) {
  static const Plan plan;
  static std::atomic<int> reached{0};
  if (callback != plan.callback || ++reached < plan.from) return "";
  if (plan.fault == "std") throw std::runtime_error("thrown in " + callback);
  if (plan.fault == "int") throw 42;
  if (plan.fault == "foreign") throw Foreign();
  if (plan.fault == "config") throw Error(SSP_E_CONFIG, "asks for what cannot be");
  if (plan.fault == "segv") *nowhere = 1;
  if (plan.fault == "exit") std::exit(0);
  if (plan.fault == "exit75") std::exit(75);
  if (plan.fault == "_exit") _exit(0);
  if (plan.fault == "quick_exit") std::quick_exit(0);
  if (plan.fault == "err") err(0, "libc's own");  // which calls exit where no symbol is asked for
  if (plan.fault == "thread") std::thread([] { std::exit(0); }).join();
  if (plan.fault == "child" && fork() == 0) std::exit(0);
  if (plan.fault == "overflow") selfsup::test::overflow_stack();
  if (plan.fault == "hang")
    for (;;) pause();
  if (plan.fault == "long") throw std::runtime_error("begin\x1b[2J\xff " + std::string(100'000, 'x') + " end");
  in_a_thread(plan.fault);
  to_the_process(plan.fault);
  return plan.fault;
}

[[gnu::constructor]] void constructor() { at("constructor"); }
[[gnu::destructor]] void destructor() { at("destructor"); }

// A handle that was released.
Tensor stale(const Call& call) {
  const ssp_tensor handle = from_host(call, 1).handle();
  return Tensor(handle);
}

class Tokens {
 public:
  static const char* schema() {
    at("tokens.schema");
    return R"({"type": "object", "properties": {"type": {"type": "string"}}})";
  }
  explicit Tokens(const Scope& scope) : weight_(scope.parameter("weight", {4}, Init::normal(0, 1))) {
    at("tokens.create");
  }
  ~Tokens() noexcept(false) { at("tokens.destroy"); }
  void info(int64_t h, int64_t w, ssp_token_info& out) const {
    if (at("info") == "shape") return;
    out.dim = out.out_dim = 4;
    out.grid_h = out.grid_w = out.out_grid_h = out.out_grid_w = 1;
    out.patch_h = h, out.patch_w = w;
    out.channels = 3;
  }
  Tensor embed(const Tensor& images, const Call& call) const {
    const std::string fault = at("embed");
    if (fault == "shape") return weight_;
    if (fault == "stale") return stale(call);
    return images.flatten(1).slice(1, 0, 4).unsqueeze(1) * weight_;
  }
  Positions positions(int64_t, int64_t, const Call& call) const {
    if (at("positions") == "shape") return {weight_, {}};
    return {from_host(call, std::vector<float>(4), {1, 1, 4}), {}};
  }
  Tensor encode(const EncodeInput& in, const Call&) const {
    const std::string fault = at("encode");
    if (fault == "shape") return in.tokens.slice(0, 1);
    if (fault == "nothing") return {};
    return in.tokens;
  }

 private:
  Tensor weight_;
};

class Maps {
 public:
  static const char* schema() {
    at("maps.schema");
    return R"({"type": "object", "properties": {"type": {"type": "string"}}})";
  }
  explicit Maps(const Scope&) { at("maps.create"); }
  ~Maps() noexcept(false) { at("maps.destroy"); }
  std::vector<LayerInfo> layers(int64_t h, int64_t w) const {
    return {{"map", SSP_SHAPE_MAP, at("layers") == "shape" ? -1 : 3, h, w, 0, true}};
  }
  Outputs forward(const ForwardInput& in, const Call& call) const {
    const std::string fault = at("forward");
    if (fault == "stale") return {{"map", stale(call)}};
    if (fault == "nothing") return {};
    return {{"map", in.images}};
  }
};

class Thrower {
 public:
  static const char* schema() {
    at("algorithm.schema");
    return R"({"type": "object", "properties": {"type": {"type": "string"},
               "tokens": {"type": "object", "x-ssp-component": "ssp.backbone.tokens/0"},
               "maps": {"type": "object", "x-ssp-component": "ssp.backbone/0"}}})";
  }
  static std::string defaults(const Facts&) {
    at("defaults");
    return R"({"model": {"tokens": {"type": "ThrowerTokens"}, "maps": {"type": "ThrowerMaps"}},
               "optim_wrapper": {"optimizer": {"type": "SGD", "lr": 1e-9}}})";
  }
  explicit Thrower(const Scope& scope) : tokens_(scope.child("tokens")), maps_(scope.child("maps")) {
    tokens_.info(8, 8);
    maps_.layers(8, 8);
    at("algorithm.create");
  }
  ~Thrower() noexcept(false) { at("algorithm.destroy"); }
  Outputs training_step(const Batch& batch, const Call& call) {
    const Tensor images = batch.view(0);
    const auto encoder = tokens_.at(call, images);
    const Tensor square = encoder.encode(encoder.embed(images) + encoder.positions().patch).pow(2);
    const Tensor loss = square.mean() + maps_(images, call).mean() * 0;
    const std::string fault = at("training_step");
    if (fault == "vector") return {{"loss", square}};
    if (fault == "detached") return {{"loss", loss.detach()}};
    if (fault == "nothing") return {};
    if (fault == "stale") return {{"loss", stale(call)}};
    if (fault == "leak") Tensor(loss).release();
    if (fault == "unbalanced") check(detail::runtime.ops->grad_push(call.raw(), 0));
    return {{"loss", loss}};
  }
  Outputs features(const Tensor& images, const Call&, const Names&) const {
    const std::string fault = at("features");
    const Tensor pixels = images.flatten(1);
    if (fault == "shape") return {{"pixels", pixels.slice(0, 1)}};
    if (fault == "map") return {{"pixels", images}};
    if (fault == "nothing") return {};
    return {{"pixels", fault == "empty" ? pixels.slice(1, pixels.size(1)) : pixels}};
  }
  Outputs reconstruct(const Batch& batch, const Call&) const {
    const std::string fault = at("reconstruct");
    const Tensor images = batch.view(0);
    if (fault == "shape") return {{"original", images.slice(0, 1)}};
    if (fault == "channels") return {{"original", images.slice(1, 1)}};
    return {{"original", fault == "empty" ? images.slice(2, 8) : images}};
  }
  static constexpr uint32_t caps = SSP_CAP_EPOCH_BEGIN;
  void on_event(const Call&, const Event&) const { at("on_event"); }
  std::string save_state(uint32_t) const {
    at("save_state");
    return "state";
  }
  void load_state(uint32_t, std::string_view) const { at("load_state"); }

 private:
  TokensBackbone tokens_;
  Backbone maps_;
};

class ThrowerTransform {
 public:
  static const char* schema() {
    at("transform.schema");
    return R"({"type": "object", "properties": {"type": {"type": "string"}}})";
  }
  explicit ThrowerTransform(const Scope&) { at("transform.create"); }
  ~ThrowerTransform() noexcept(false) { at("transform.destroy"); }
  void apply(Sample&) const { at("apply"); }
};

// Two whose authors did without the layer: whatever they throw crosses.
ssp_status raw_step(ssp_component, ssp_call*, const ssp_batch*, const ssp_sink*) {
  at("raw_step");
  return SSP_OK;
}
ssp_status raw_apply(ssp_component, const ssp_sample_api*, ssp_sample*) {
  at("raw_apply");
  return SSP_OK;
}
constexpr ssp_algorithm make_raw_algorithm() {
  ssp_algorithm table = detail::AlgorithmOf<Thrower>::table;
  table.training_step = raw_step;
  return table;
}
constexpr ssp_transform make_raw_transform() {
  ssp_transform table = detail::TransformOf<ThrowerTransform>::table;
  table.apply = raw_apply;
  return table;
}
constexpr ssp_algorithm raw_algorithm = make_raw_algorithm();
constexpr ssp_transform raw_transform = make_raw_transform();

}  // namespace

SSP_PLUGIN(algorithm<Thrower>("Thrower"), tokens<Tokens>("ThrowerTokens"), backbone<Maps>("ThrowerMaps"),
           transform<ThrowerTransform>("ThrowerTransform"),
           ComponentEntry{SSP_KIND_ALGORITHM, "RawThrower", &raw_algorithm},
           ComponentEntry{SSP_KIND_TRANSFORM, "RawTransform", &raw_transform});
