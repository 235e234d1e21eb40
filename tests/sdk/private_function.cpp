// An optional function that is there but cannot be called does not vanish: it does not compile. FAULT is its kind.
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
#endif
};

SSP_PLUGIN(algorithm<Model>("Model"));
#if FAULT == 0
static_assert(detail::AlgorithmOf<Model>::table.features, "found among overloads");
static_assert(!detail::AlgorithmOf<Model>::table.reconstruct, "not there");
#endif
