#include "distributed/rendezvous.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>

#include <algorithm>
#include <thread>
#include <vector>

#include "base/errors.h"
#include "distributed/network.h"
#include "distributed/rank_text.h"
#include "distributed/store.h"
#include "distributed/torch_log.h"

namespace selfsup::distributed {
namespace {

using std::chrono::milliseconds;

// Outside every job's keys, so that a process of another job finds it: the job, the number of ranks, rank 0.
constexpr const char* job_key = "selfsup/job";
constexpr const char* all_here = "all ranks are here";
constexpr milliseconds look_again(20);
constexpr milliseconds grace(5000);  // for rank 0's verdict, after everybody's patience is over

std::string this_process() {
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  return fmt::format("process {} on {}", ::getpid(), host);
}

uint64_t nonce() {
  uint64_t out = 0;
  if (getrandom(&out, sizeof out, 0) != static_cast<ssize_t>(sizeof out)) out = static_cast<uint64_t>(::getpid());
  return out;
}

// One machine: an address that leads nowhere else, without asking a resolver.
Number loopback_of(const std::string& address) { return is_loopback(address) ? address : "127.0.0.1"; }

// Of the addresses that the name has, the one of this machine that others reach.
Number own_number(const std::string& address) {
  std::string seen;
  bool loopback = false;
  for (const Number& number : resolve(address)) {
    const bool local = is_loopback(number);
    if (!local && !interface_of(number).empty()) return number;
    loopback |= local;
    seen += (seen.empty() ? "" : ", ") + number;
  }
  throw Error(Exit::usage,
              loopback ? fmt::format("the ranks are on several machines and are to meet at {}, which is {} here: no "
                                     "other machine reaches that; give --master-addr or MASTER_ADDR an address of a "
                                     "network that all of them share",
                                     address, seen)
                       : fmt::format("rank 0 is to listen on {} ({}), which is no address of this machine: "
                                     "--master-addr or MASTER_ADDR names the machine that rank 0 runs on",
                                     address, seen));
}

}  // namespace

std::string Rendezvous::place() const { return fmt::format("{}:{}", number_, port_); }

void Rendezvous::find_store(const launch::Meeting& meeting, milliseconds patience) {
  const bool alone = meeting.one_machine;
  if (ranks_.rank == 0 && !served_) {
    Listener listener =
        meeting.listener >= 0
            ? Listener(meeting.listener)
            : Listener(alone ? loopback_of(meeting.address) : own_number(meeting.address), meeting.port);
    number_ = listener.number();
    port_ = listener.port();
    interface_ = alone ? loopback_interface() : interface_of(number_);
    server_ = serve_store(listener, patience);
    client_ = server_;
    return;
  }
  const std::string address = alone && !served_ ? loopback_of(meeting.address) : meeting.address;
  const Reached reached = reach(address, meeting.port, Deadline(patience));
  number_ = reached.number;
  port_ = meeting.port;
  interface_ = alone ? loopback_interface() : interface_of(reached.own);
  if (!alone && is_loopback(reached.own))
    throw Error(Exit::usage, fmt::format("the ranks are on several machines, and {} leads rank {} to its own one ({}): "
                                         "give --master-addr or MASTER_ADDR an address of a network that all share",
                                         address, ranks_.rank, number_));
  client_ = connect_store(number_, port_, patience);
}

Rendezvous::Rendezvous(const launch::Ranks& ranks, const launch::Meeting& meeting, milliseconds patience)
    : ranks_(ranks), served_(meeting.served) {
  quieten_torch_log();
  find_store(meeting, patience);
  try {
    recognise(patience);
    claim();
    gather(patience);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& e) {
    throw Error(Exit::peer,
                fmt::format("rank 0's store at {} failed while the ranks met: {}", place(), first_line(e.what())));
  }
}

std::string Rendezvous::wait_for(const std::string& key, milliseconds patience) const {
  try {
    client_->wait({key}, patience);
    return client_->get_to_str(key);
  } catch (const std::exception& e) {
    throw Error(Exit::peer,
                fmt::format("rank 0 was not heard of within {} at {}, where {} a store: {}", seconds_text(patience),
                            place(), served_ ? "the launcher has" : "it serves", first_line(e.what())));
  }
}

Rendezvous::~Rendezvous() = default;

void Rendezvous::recognise(milliseconds patience) const {
  // A store of the launcher's belongs to its job, and may have seen this job's earlier attempts.
  const std::string key = served_ ? key_of("job") : job_key;
  if (ranks_.rank == 0) {
    client_->set(key, fmt::format("{}\n{}\n{}", ranks_.job, ranks_.world, this_process()));
    return;
  }
  const std::vector<std::string> first = lines_of(wait_for(key, patience));
  if (first.size() != 3)
    throw Error(Exit::usage, fmt::format("the store at {} is of another program: give another port", place()));
  if (first[0] != ranks_.job)
    throw Error(Exit::usage,
                fmt::format("port {} of {} belongs to another run: job {} with {} ranks, whose rank 0 is {}; this is "
                            "rank {} of job {}. Give one of the two another port with --master-port, PORT of the "
                            "scripts, MASTER_PORT or env_cfg.dist_cfg.port",
                            port_, number_, first[0], first[1], first[2], ranks_.rank, ranks_.job));
  if (first[1] == std::to_string(ranks_.world)) return;
  const std::string text = fmt::format(
      "rank {} ({}) was started as one of {} ranks, rank 0 ({}) as one of {}: start all with the same number",
      ranks_.rank, this_process(), ranks_.world, first[2], first[1]);
  client_->set(key_of("refused"), text);  // rank 0 need not wait for ranks that will not come
  throw Error(Exit::disagree, text);
}

void Rendezvous::claim() const {
  const std::string own = fmt::format("{}\n{:016x}", this_process(), nonce());
  const std::string key = key_of(fmt::format("claim/{}", ranks_.rank));
  const std::string holder = client_->compareSet(key, std::string(), own);
  if (holder != own)
    throw Error(Exit::usage,
                fmt::format("{} is rank {} of job {} already, and {} was started with the same number: each process "
                            "needs its own (RANK, SLURM_PROCID, OMPI_COMM_WORLD_RANK or --node-rank), and another run "
                            "at the same time another port (PORT of the scripts, --master-port)",
                            lines_of(holder)[0], ranks_.rank, ranks_.job, this_process()));
}

void Rendezvous::gather(milliseconds patience) const {
  const std::string verdict_key = key_of("meeting"), heard_key = key_of("heard"), refused_key = key_of("refused");
  if (ranks_.rank != 0) {
    const std::string verdict = wait_for(verdict_key, patience + grace);
    if (verdict == all_here) return;
    client_->add(heard_key, 1);
    throw Error(Exit::peer, verdict);
  }
  std::vector<std::string> claims;
  for (int rank = 0; rank < ranks_.world; ++rank) claims.push_back(key_of(fmt::format("claim/{}", rank)));
  const Deadline deadline(patience);
  bool all = client_->check(claims);
  for (; !all && !client_->check({refused_key}) && !deadline.over(); all = client_->check(claims))
    std::this_thread::sleep_for(look_again);
  if (all) return client_->set(verdict_key, std::string(all_here));
  std::vector<int> missing;
  for (int rank = 0; rank < ranks_.world; ++rank)
    if (!client_->check({claims[static_cast<size_t>(rank)]})) missing.push_back(rank);
  const bool refused = client_->check({refused_key});
  const std::string verdict =
      refused
          ? client_->get_to_str(refused_key)
          : fmt::format(
                "{} of {} did not come within {} to {}: were they started, with the same address, port and job ({})?",
                rank_text(missing), ranks_.world, seconds_text(patience), place(), ranks_.job);
  client_->set(verdict_key, verdict);
  // The store ends with this process: those who wait for the verdict read it first.
  const int64_t others = ranks_.world - static_cast<int64_t>(missing.size()) - 1;
  for (const Deadline hearing(milliseconds(2000)); client_->add(heard_key, 0) < others && !hearing.over();)
    std::this_thread::sleep_for(milliseconds(20));
  throw Error(refused ? Exit::disagree : Exit::peer, verdict);
}

std::string Rendezvous::key_of(const std::string& name) const { return fmt::format("selfsup/{}/{}", ranks_.job, name); }

c10::intrusive_ptr<c10d::Store> Rendezvous::store(const std::string& purpose, milliseconds patience) const {
  return c10::make_intrusive<c10d::PrefixStore>(key_of(purpose), connect_store(number_, port_, patience));
}

}  // namespace selfsup::distributed
