// A sample as a transform of a plugin sees it: the functions of ssp_sample_api. Any thread, one sample each.
#pragma once
#include <list>
#include <map>
#include <set>
#include <vector>

#include "bridge/edit_kinds.h"
#include "data/sample.h"
#include "ssp/transform.h"

namespace selfsup::bridge {

extern const ssp_sample_api sample_api;

}  // namespace selfsup::bridge

struct ssp_sample {
  selfsup::data::Sample& sample;
  const selfsup::data::SampleRandom& random;
  selfsup::bridge::EditKinds kinds;                       // that the transform said it would append
  std::map<uint32_t, selfsup::KeyedRandom> streams = {};  // by view, those that were drawn from
  std::list<selfsup::data::Image> made = {};              // by alloc, not yet given to replace or append
  std::set<uint32_t> lent = {};                           // images whose pixels the transform has got
  std::vector<selfsup::data::Field> replaced = {};        // fields that get_field may have handed out
};

namespace selfsup::bridge {

// One apply from begin to end; nests, since a pipeline may run in a transform.
class SampleScope {
 public:
  SampleScope(data::Sample& sample, const data::SampleRandom& random, EditKinds kinds);
  ~SampleScope();
  SampleScope(const SampleScope&) = delete;
  SampleScope& operator=(const SampleScope&) = delete;
  ssp_sample* get() { return &it_; }

 private:
  ssp_sample it_;
  const ssp_sample* outer_;
};

}  // namespace selfsup::bridge
