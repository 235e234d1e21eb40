// A sample as a transform of a plugin sees it: the functions of ssp_sample_api. Any thread, one sample each.
#pragma once
#include <list>

#include "data/sample.h"
#include "ssp/transform.h"

namespace selfsup::bridge {

extern const ssp_sample_api sample_api;

}  // namespace selfsup::bridge

struct ssp_sample {
  selfsup::data::Sample& sample;
  selfsup::data::SampleRandom& random;
  std::list<selfsup::data::Image> made;  // by alloc, not yet given to replace or append
};

namespace selfsup::bridge {

// One apply from begin to end; nests, since a pipeline may run in a transform.
class SampleScope {
 public:
  SampleScope(data::Sample& sample, data::SampleRandom& random);
  ~SampleScope();
  SampleScope(const SampleScope&) = delete;
  SampleScope& operator=(const SampleScope&) = delete;
  ssp_sample* get() { return &it_; }

 private:
  ssp_sample it_;
  const ssp_sample* outer_;
};

}  // namespace selfsup::bridge
