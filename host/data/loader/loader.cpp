#include "data/loader/loader.h"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <unordered_set>
#include <utility>

#include "base/errors.h"
#include "base/log.h"
#include "data/loader/batch_builder.h"
#include "data/loader/candidates.h"
#include "data/loader/met_bad.h"

namespace selfsup::data {
namespace {

constexpr size_t kWarnings = 10;                 // bad files that the log names one by one
constexpr std::chrono::milliseconds kAsks(100);  // between questions whether a wait is given up

// A batch that workers fill. The members after `met` are guarded by the loader's mutex.
struct Slot {
  Slot(const Allocator& allocate, uint64_t epoch_, int64_t index_, std::vector<int64_t> indices_, int64_t capacity,
       bool labels)
      : epoch(epoch_),
        index(index_),
        indices(std::move(indices_)),
        builder(allocate, epoch_, index_, static_cast<int64_t>(indices.size()), capacity, labels) {}

  int64_t size() const { return static_cast<int64_t>(indices.size()); }
  bool complete() const { return filled == size(); }

  const uint64_t epoch;
  const int64_t index;
  const std::vector<int64_t> indices;
  BatchBuilder builder;
  MetBad met;
  int64_t claimed = 0, filled = 0;
  std::exception_ptr error;  // that of the first place that failed
  int64_t error_position = 0;
};

// All but those that a thread raises by its own fault: blocked, these would end the process past every handler.
class SentSignalsBlocked {
 public:
  SentSignalsBlocked() {
    sigset_t sent;
    sigfillset(&sent);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) sigdelset(&sent, fault);
    pthread_sigmask(SIG_BLOCK, &sent, &before_);
  }
  ~SentSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SentSignalsBlocked(const SentSignalsBlocked&) = delete;
  SentSignalsBlocked& operator=(const SentSignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

Sampler make_sampler(const Dataset& dataset, const LoaderOptions& o) {
  if (dataset.size() < 1) throw Error(Exit::data, "the dataset is empty");
  if (o.batch_size < 1 || o.shard.index < 0 || o.shard.index >= o.shard.count)
    throw std::invalid_argument("loader: batch size or shard out of range");
  Sampler sampler({.size = o.only.empty() ? dataset.size() : static_cast<int64_t>(o.only.size()),
                   .batch_size = o.batch_size,
                   .seed = o.seed,
                   .shard = o.shard,
                   .shuffle = o.shuffle,
                   .drop_last = o.drop_last});
  if (sampler.batches() == 0)
    throw Error(Exit::usage, fmt::format("an epoch has no batch: {} images a rank, fewer than batch_size {}, and "
                                         "drop_last is true; lower batch_size or set drop_last to false",
                                         sampler.shard_size(), o.batch_size));
  return sampler;
}

}  // namespace

struct Loader::State {
  State(const Dataset& dataset_, const Pipeline& pipeline_, const LoaderOptions& options_, Allocator allocate_)
      : dataset(dataset_),
        pipeline(pipeline_),
        options(options_),
        sampler(make_sampler(dataset_, options_)),
        allocate(std::move(allocate_)),
        prefetch(static_cast<size_t>(std::max(options_.prefetch, 1))),
        chunk(std::clamp<int64_t>(sampler.batch_size() / (4 * std::max(options_.num_workers, 1)), 1, 32)),
        report(dataset_.size(), options_.max_bad_fraction) {
    for (const BadFile& bad : options.known_bad) note(bad);
    if (report.too_many()) throw report.error();
  }
  ~State() {
    tell_to_stop();
    for (std::thread& thread : threads) thread.join();
  }

  void tell_to_stop() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    work.notify_all();
  }

  void start_threads() {
    const SentSignalsBlocked blocked;  // inherited: signals are for the thread that trains
    try {
      for (int i = 0; i < options.num_workers; ++i) threads.emplace_back([this] { work_on(); });
    } catch (const std::system_error& e) {
      throw Error(Exit::failed, fmt::format("{} of {} loader threads started, then: {}; lower num_workers",
                                            threads.size(), options.num_workers, e.what()));
    }
  }

  std::vector<int64_t> order_of(uint64_t of_epoch) const;
  std::shared_ptr<Slot> open_slot();
  std::shared_ptr<Slot> open_slot_or_fail();
  bool claim(std::shared_ptr<Slot>& slot, int64_t& begin, int64_t& end);
  void work_on();
  void fill(Slot& slot, int64_t begin, int64_t end, Sample& sample);
  void fill_one(Slot& slot, int64_t position, Sample& sample);
  bool has_failed(const Slot& slot, int64_t position);
  BadReason put(Slot& slot, int64_t position, int64_t index, Sample& sample);
  void note(const BadFile& bad);
  void account(const std::vector<MetBad::Bad>& met);

  const Dataset& dataset;
  const Pipeline& pipeline;
  const LoaderOptions options;
  const Sampler sampler;
  const Allocator allocate;
  const size_t prefetch;
  const int64_t chunk;  // places that a worker takes at a time
  Hopeless hopeless;

  std::mutex mutex;  // guards what follows, up to the blank line
  std::condition_variable work, done;
  bool stopping = false, started = false, goes_on = true;
  size_t ended = 0;                         // workers
  std::deque<std::shared_ptr<Slot>> slots;  // oldest first; the front is the next to be delivered
  uint64_t open_epoch = 0;                  // the batch that is opened next
  int64_t open_batch = 0;
  std::vector<int64_t> order;  // of order_epoch
  uint64_t order_epoch = 0;
  bool order_known = false;
  std::exception_ptr failure;  // that of the batch to be opened next: a worker could not open it

  // Of the consumer's thread.
  uint64_t epoch = 0;
  int64_t next_batch = 0;
  bool delivered = false;  // a batch
  Sample own_sample;
  BadReport report;
  std::unordered_set<int64_t> reported;
  size_t warned = 0;  // of those that this loader has found
  std::vector<std::thread> threads;
};

std::vector<int64_t> Loader::State::order_of(uint64_t of_epoch) const {
  const auto too_large = [&] {
    return Error(Exit::data,
                 fmt::format("the dataset has {} images; there is no memory to shuffle so many", dataset.size()));
  };
  try {
    return sampler.order(of_epoch);
  } catch (const std::bad_alloc&) {
    throw too_large();
  } catch (const std::length_error&) {
    throw too_large();
  }
}

// With the lock held.
std::shared_ptr<Slot> Loader::State::open_slot() {
  if (open_batch >= sampler.batches()) ++open_epoch, open_batch = 0;
  if (!order_known || order_epoch != open_epoch) {
    order = order_of(open_epoch);
    order_epoch = open_epoch;
    order_known = true;
  }
  std::vector<int64_t> indices = sampler.batch(order, open_batch);
  if (!options.only.empty())
    for (int64_t& index : indices) index = options.only[static_cast<size_t>(index)];
  slots.push_back(std::make_shared<Slot>(allocate, open_epoch, open_batch, std::move(indices), sampler.batch_size(),
                                         dataset.has_labels()));
  ++open_batch;
  return slots.back();
}

// With the lock held, in a worker: null when that fails, which next() then says.
std::shared_ptr<Slot> Loader::State::open_slot_or_fail() try { return open_slot(); } catch (...) {
  failure = std::current_exception();
  done.notify_one();
  return nullptr;
}

// With the lock held: some places that nobody has taken; false when enough is under way.
bool Loader::State::claim(std::shared_ptr<Slot>& slot, int64_t& begin, int64_t& end) {
  if (!started) return false;
  const auto found = std::find_if(slots.begin(), slots.end(), [](const auto& s) { return s->claimed < s->size(); });
  if (found != slots.end())
    slot = *found;
  else if (slots.size() < prefetch && !failure && (goes_on || open_batch < sampler.batches()))
    slot = open_slot_or_fail();
  if (!slot) return false;
  begin = slot->claimed;
  end = slot->claimed = std::min(begin + chunk, slot->size());
  return true;
}

void Loader::State::work_on() {
  Sample sample;  // keeps its memory
  std::unique_lock lock(mutex);
  while (true) {
    std::shared_ptr<Slot> slot;
    int64_t begin = 0, end = 0;
    work.wait(lock, [&] { return stopping || claim(slot, begin, end); });
    if (stopping) break;
    lock.unlock();
    fill(*slot, begin, end, sample);
    lock.lock();
    slot->filled += end - begin;
    if (slot->complete()) done.notify_one();
  }
  ++ended;
  done.notify_one();
}

void Loader::State::fill(Slot& slot, int64_t begin, int64_t end, Sample& sample) {
  for (int64_t position = begin; position < end && !has_failed(slot, position); ++position) {
    try {
      fill_one(slot, position, sample);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!slot.error || position < slot.error_position) {
        slot.error = std::current_exception();
        slot.error_position = position;
      }
    }
  }
}

// At a place before that one: then nothing that comes of that one is asked for any more.
bool Loader::State::has_failed(const Slot& slot, int64_t position) {
  const std::lock_guard lock(mutex);
  return slot.error && slot.error_position < position;
}

void Loader::State::fill_one(Slot& slot, int64_t position, Sample& sample) {
  const int64_t wanted = slot.indices[static_cast<size_t>(position)];
  Candidates candidates(options.seed, slot.epoch, wanted, dataset.size());
  const int64_t enough = std::max(report.allowed, Candidates::kDrawn);  // the run will end for so many
  int64_t tried = 0;
  BadReason reason;
  for (std::optional<int64_t> index; tried <= enough && (index = candidates.next()); ++tried) {
    reason = hopeless.find(*index);
    if (!reason) reason = put(slot, position, *index, sample);
    if (!reason || has_failed(slot, position)) return;
    slot.met.add(position, tried, *index, reason);
  }
  if (tried == dataset.size())
    throw Error(Exit::data, fmt::format("none of the {} images of the set can be used; of {}: {}", tried,
                                        dataset.describe(wanted), *reason));
  throw Error(Exit::data, fmt::format("{} could not be used, and neither could {} others that were tried in its place; "
                                      "of the last: {}",
                                      dataset.describe(wanted), tried - 1, *reason));
}

// That image into that place, or why it cannot be used. What keeps it from this place alone, by what is drawn for it,
// need not keep it from another; only what no draw changes is remembered for all, as batches are not to depend on who
// was first.
BadReason Loader::State::put(Slot& slot, int64_t position, int64_t index, Sample& sample) {
  bool opened = false, decoded = false;
  try {
    dataset.open(index, sample.open(index, dataset.label(index), slot.epoch));
    opened = true;
    // The draws of the place, not of the substitute: that one may be in this epoch already.
    SampleRandom random(options.seed, slot.epoch, slot.indices[static_cast<size_t>(position)]);
    pipeline.plan(sample, random);
    decode(sample.views);
    decoded = true;
    slot.builder.place(position, sample);
    return nullptr;
  } catch (const BadImage& e) {
    const auto reason = std::make_shared<const std::string>(e.what());
    if (!opened || dynamic_cast<const Undecodable*>(&e) != nullptr) hopeless.add(index, reason);
    return reason;
  } catch (const std::bad_alloc&) {
    if (decoded) throw;  // there is no memory for the batch
    return std::make_shared<const std::string>(kNoMemory);
  } catch (const Error& e) {
    throw Error(e.exit(), fmt::format("{}: {}", dataset.describe(index), e.what()));
  }
}

void Loader::State::note(const BadFile& bad) {
  if (reported.insert(bad.index).second) report.files.push_back(bad);
}

void Loader::State::account(const std::vector<MetBad::Bad>& met) {
  for (const MetBad::Bad& bad : met) {
    if (reported.contains(bad.index)) continue;
    const BadFile file{bad.index, dataset.describe(bad.index), *bad.reason};
    note(file);
    if (++warned <= kWarnings)
      log_warning(fmt::format("{}: {}; another image takes its place", file.path, file.reason));
    if (warned == kWarnings) log_warning("further images that cannot be used are counted, not named here");
  }
}

Loader::Loader(const Dataset& dataset, const Pipeline& pipeline, const LoaderOptions& options, Allocator allocator)
    : state_(std::make_unique<State>(dataset, pipeline, options, std::move(allocator))) {
  state_->start_threads();
}

Loader::~Loader() = default;

int64_t Loader::batches_per_epoch() const { return state_->sampler.batches(); }

int64_t Loader::samples_per_epoch() const {
  const Sampler& sampler = state_->sampler;
  return std::min(sampler.shard_size(), sampler.batches() * sampler.batch_size());
}

void Loader::start(uint64_t epoch, int64_t first_batch, bool go_on) {
  State& s = *state_;
  if (first_batch < 0 || first_batch > s.sampler.batches()) throw std::out_of_range("loader: no such batch");
  const std::lock_guard lock(s.mutex);
  s.epoch = epoch;
  s.next_batch = first_batch;
  const bool ahead = !s.slots.empty() && s.slots.front()->epoch == epoch && s.slots.front()->index == first_batch;
  if (!ahead) {
    s.slots.clear();  // workers that are inside one finish it for nobody
    s.failure = nullptr;
    s.open_epoch = epoch;
    s.open_batch = first_batch;
  }
  s.started = true;
  s.goes_on = go_on;
  s.work.notify_all();
}

bool Loader::next(Batch& batch) {
  return next(batch, [] { return false; });
}

bool Loader::next(Batch& batch, const std::function<bool()>& given_up) {
  State& s = *state_;
  if (!s.started) throw std::logic_error("loader: next() before start()");
  if (s.next_batch >= s.sampler.batches()) return false;
  batch = Batch();  // its buffers go back before new ones are taken
  std::shared_ptr<Slot> slot;
  {
    std::unique_lock lock(s.mutex);
    if (s.threads.empty()) {
      slot = s.open_slot();
      lock.unlock();
      s.fill(*slot, 0, slot->size(), s.own_sample);
      lock.lock();
    } else {
      const auto is_there = [&] { return s.slots.empty() ? s.failure != nullptr : s.slots.front()->complete(); };
      while (!s.done.wait_for(lock, kAsks, is_there))
        if (given_up()) return false;
      if (s.slots.empty()) std::rethrow_exception(s.failure);
      slot = s.slots.front();
    }
    s.slots.pop_front();
  }
  s.work.notify_all();
  ++s.next_batch;
  s.account(slot->met.in_order(slot->error ? slot->error_position : slot->size()));
  const bool first = !std::exchange(s.delivered, true);
  if (s.report.too_many() && (first || s.options.ends_when_too_many)) throw s.report.error();
  if (slot->error) std::rethrow_exception(slot->error);
  batch = slot->builder.finish();
  return true;
}

bool Loader::stop(std::chrono::milliseconds patience) {
  State& s = *state_;
  s.tell_to_stop();
  std::unique_lock lock(s.mutex);
  return s.done.wait_for(lock, patience, [&] { return s.ended == s.threads.size(); });
}

const BadReport& Loader::bad() const { return state_->report; }

}  // namespace selfsup::data
