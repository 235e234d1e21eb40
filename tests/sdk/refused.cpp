// Mistakes that do not compile. FAULT is which; 0 has none. An optional function that is there but cannot be called
// does not vanish, a comparison is no condition, half of a pair is not enough.
#define SSP_NOTE_BEFORE "{"
#define SSP_NOTE_AFTER "}"
#include "ssp/cpp/plugin.hpp"

using namespace ssp;

class Model {
 public:
  static const char* schema() { return "{}"; }
  explicit Model(const Scope&) {}
  Outputs training_step(const Batch&, const Call&) const { return {}; }
#if FAULT == 0  // overloaded, one of them right
  Outputs features(const Tensor& images, const Call&, const Names&) const { return {{"mean", images}}; }
  int features() const { return 0; }
#elif FAULT == 1
 private:
  Outputs features(const Tensor& images, const Call&, const Names&) const { return {{"mean", images}}; }
#elif FAULT == 2
  Outputs features(const Tensor& images, const Call&) const { return {{"mean", images}}; }
#elif FAULT == 3
  Outputs features(const Tensor& images, const Call&, const Names&) const {
    if (images > 0) return {};
    return {{"mean", images}};
  }
#elif FAULT == 4
  std::string save_state(uint32_t) const { return "half"; }
#elif FAULT == 5
  static constexpr uint32_t caps = SSP_CAP_CAPTURABLE | SSP_CAP_GRADIENTS;
  void on_event(const Call&, const Event&) const {}
#elif FAULT == 6
  void on_event(const Call&, uint32_t) const {}
#endif
};

#if FAULT == 7
#define SSP_NAME "no word"
#else
#define SSP_NAME "Model"
#endif
SSP_PLUGIN(algorithm<Model>(SSP_NAME));
#if FAULT == 0
static_assert(detail::AlgorithmOf<Model>::table.features, "found among overloads");
static_assert(!detail::AlgorithmOf<Model>::table.reconstruct, "not there");
#endif
