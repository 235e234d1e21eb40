#include "train/telemetry.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "base/errors.h"
#include "base/random.h"

namespace selfsup::train {
namespace {

at::Tensor scalar(const at::Tensor& t) { return t.detach().reshape({}).to(at::kFloat); }

// The sign of a NaN says nothing.
std::string text_of(float value) { return std::isnan(value) ? "nan" : fmt::format("{}", value); }

}  // namespace

std::string after_divergence(const std::string& last_good) {
  return fmt::format("{}. A lower learning rate, a longer warm-up or optim_wrapper.clip_grad may help",
                     last_good.empty() ? std::string("No checkpoint had been written yet")
                                       : fmt::format("The last good checkpoint is {}", last_good));
}

void Telemetry::add(const Position& at, const Outcome& outcome, double seconds, double data_seconds) {
  at::NoGradGuard no_grad;
  window_.add_iteration(seconds, data_seconds);
  eta_.add(seconds);
  on_cpu_ = outcome.total.device().is_cpu();

  ++unread_iterations_;
  Record record{.at = at, .has_norm = outcome.norm.has_value()};
  std::vector<at::Tensor> values;
  const auto put = [&](const std::string& name, const at::Tensor& value, bool judged) {
    record.names.push_back(name);
    record.judged.push_back(judged);
    values.push_back(scalar(value));
  };
  if (outcome.norm) put("grad_norm", outcome.norm->to(outcome.total.device()), judge_norm_);
  put("loss", outcome.total, true);
  for (const bridge::NamedTensor& term : outcome.terms)
    if (term.name != "loss") put(term.name, term.value, term.is_loss());
  record.values = at::stack(values);  // copies: the plugin may change its tensors afterwards
  unread_.push_back(std::move(record));
}

void Telemetry::add(const Position& at, const std::vector<bridge::NamedTensor>& metrics) {
  if (metrics.empty()) return;
  at::NoGradGuard no_grad;
  Record record{.at = at, .of_event = true};
  std::vector<at::Tensor> values;
  for (const bridge::NamedTensor& metric : metrics) {
    record.names.push_back(metric.name);
    record.judged.push_back(false);
    values.push_back(scalar(metric.value).to(metrics.front().value.device()));
  }
  record.values = at::stack(values);
  unread_.push_back(std::move(record));
}

void Telemetry::read(const std::string& last_good) {
  const std::string complaint = unread_.empty() ? "" : read_here(last_good);
  if (!group_.any(!complaint.empty())) return;
  throw Error(Exit::diverged, complaint.empty() ? "training diverged on another rank, which says where" : complaint);
}

// The first complaint; empty when all is well.
std::string Telemetry::read_here(const std::string& last_good) {
  std::vector<at::Tensor> all;
  for (const Record& record : unread_) all.push_back(record.values.to(unread_.back().values.device()));
  const at::Tensor host = at::cat(all).cpu();  // one wait
  const float* values = host.const_data_ptr<float>();
  std::string first_complaint;
  for (const Record& record : unread_) {
    if (first_complaint.empty()) first_complaint = complaint(record, values, last_good);
    report::Means& means = record.of_event ? window_.of_events() : window_.of_steps();
    for (size_t i = 0; i < record.names.size(); ++i)
      if (!record.is_norm(i) || log_norm_) means.add(record.names[i], values[i]);
    values += record.names.size();
  }
  unread_.clear();
  unread_iterations_ = 0;
  return first_complaint;
}

void Telemetry::tell(report::TrainPoint& point) {
  window_.tell(point);
  point.eta_seconds = eta_.seconds(point.max_iters - point.iter);
  std::vector<double> values = {point.time, point.data_time, static_cast<double>(point.bad_files)};
  uint64_t names = 0;
  for (const auto& [name, value] : point.scalars) {
    values.push_back(value);
    names = hash_key(names, hash_name(name));
  }
  // Numbers of different terms would be added up.
  if (!group_.same(static_cast<double>(names >> 11)))
    throw Error(Exit::failed,
                "the ranks' steps give losses or metrics of different names; every rank gives the same in every step");
  group_.all_reduce(values, distributed::Reduce::mean);
  point.time = values[0];
  point.data_time = values[1];
  point.bad_files = std::llround(values[2] * group_.world());
  for (size_t i = 0; i < point.scalars.size(); ++i) point.scalars[i].second = values[3 + i];
}

// Empty when all is well.
std::string Telemetry::complaint(const Record& record, const float* values, const std::string& last_good) const {
  const size_t count = record.names.size();
  size_t bad = count;
  // The total is bad whenever a term is: name the term. A bad norm alone is named last.
  const auto rank = [&](size_t i) { return record.is_norm(i) ? 2 : record.names[i] == "loss" ? 1 : 0; };
  for (size_t i = 0; i < count; ++i) {
    if (record.judged[i] && !std::isfinite(values[i]) && (bad == count || rank(i) < rank(bad))) bad = i;
  }
  if (bad == count) return "";
  return fmt::format(
      "training diverged in iteration {} (update {}, epoch {}): {} is {}, the gradient norm is {}. Its "
      "update was not applied. {}",
      record.at.iter + 1, record.at.update + 1, record.at.epoch + 1,
      record.is_norm(bad) ? std::string("the gradient norm") : fmt::format("loss term \"{}\"", record.names[bad]),
      text_of(values[bad]), record.has_norm ? text_of(values[0]) : "not known", after_divergence(last_good));
}

}  // namespace selfsup::train
