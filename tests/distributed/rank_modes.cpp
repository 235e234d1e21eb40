#include "rank_modes.h"

#include <ATen/ATen.h>
#include <signal.h>
#include <unistd.h>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <optional>
#include <sstream>
#include <thread>

#include "base/errors.h"
#include "device/device.h"
#include "distributed/agreement.h"
#include "distributed/gpus.h"
#include "distributed/rank_text.h"
#include "distributed/rendezvous.h"
#include "distributed/world.h"

namespace selfsup::distributed::testing {
namespace {

void say(const std::string& line) { std::cout << line << std::endl; }

void need(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error("does not hold: " + what);
}

// The rank's error, which it must be before anything is sent.
void need_refusal(const std::function<void()>& call, const std::string& what) {
  try {
    call();
  } catch (const Error& e) {
    need(e.exit() == Exit::failed, what + " is refused with the right code, not " + e.what());
    return;
  }
  need(false, what + " is refused");
}

const std::vector<at::ScalarType> reducible = {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16,
                                               at::kInt,   at::kLong,   at::kByte, at::kChar};

void reductions(const Group& group, at::Device device) {
  const int64_t rank = group.rank(), world = group.world();
  for (const at::ScalarType type : reducible) {
    const std::string name = c10::toString(type);
    const auto own = [&](int64_t of) { return (at::arange(5, at::kLong) + of).to(type).to(device); };
    at::Tensor sum = own(rank), high = own(rank), low = own(rank);
    group.all_reduce(sum, Reduce::sum);
    group.all_reduce(high, Reduce::max);
    group.all_reduce(low, Reduce::min);
    need(at::equal(sum.cpu(), (at::arange(5, at::kLong) * world + world * (world - 1) / 2).to(type)), "sum of " + name);
    need(at::equal(high, own(world - 1)) && at::equal(low, own(0)), "maximum and minimum of " + name);
    if (!at::isFloatingType(type)) {
      need_refusal([&] { group.all_reduce(sum, Reduce::mean); }, "a mean of " + name);
      continue;
    }
    at::Tensor mean = own(2 * rank);
    group.all_reduce(mean, Reduce::mean);
    need(at::equal(mean, own(world - 1)), "mean of " + name);
  }
  at::Tensor flag = at::full({2}, rank == world - 1, at::kBool).to(device);
  group.all_reduce(flag, Reduce::max);
  need(flag.all().item<bool>(), "maximum of bool");
  need_refusal([&] { group.all_reduce(flag, Reduce::sum); }, "a sum of bool");
  need_refusal([&] { group.all_reduce(at::ones({2}, at::kComplexFloat), Reduce::sum); }, "a sum of complex numbers");
  need_refusal([&] { group.all_reduce(at::ones({2, 3}).t(), Reduce::sum); }, "what is not contiguous");
  const at::Tensor leaf = at::ones({3}).to(device).set_requires_grad(true);
  group.all_reduce(leaf, Reduce::mean);
  need(at::equal(leaf.cpu(), at::ones({3})), "a leaf is reduced in place");
  group.all_reduce(at::empty({0}).to(device), Reduce::sum);
}

void copies(const Group& group, at::Device device) {
  const int64_t rank = group.rank(), world = group.world();
  for (const at::ScalarType type :
       {at::kFloat, at::kBFloat16, at::kHalf, at::kLong, at::kBool, at::kByte, at::kComplexDouble}) {
    const std::string name = c10::toString(type);
    const auto of = [&](int64_t owner) {
      return (at::arange(6, at::kLong).reshape({2, 3}) % (owner + 2)).to(type).to(device);
    };
    for (int root = 0; root < world; ++root) {
      at::Tensor tensor = of(rank);
      group.broadcast(tensor, root);
      need(at::equal(tensor, of(root)), "broadcast of " + name);
      at::Tensor scalar = of(rank)[1][2].clone();
      group.broadcast(scalar, root);
      need(at::equal(scalar, of(root)[1][2]), "broadcast of one " + name);
    }
    std::vector<at::Tensor> all;
    for (int owner = 0; owner < world; ++owner) all.push_back(of(owner));
    const at::Tensor given = of(rank), gathered = group.all_gather(given);
    need(at::equal(gathered, at::cat(all)), "all_gather of " + name);
    need(at::equal(given, of(rank)) && !gathered.is_alias_of(given), "all_gather leaves what it is given");
  }
  need(group.all_gather(at::empty({0, 3}).to(device)).sizes() == at::IntArrayRef({0, 3}), "all_gather of nothing");
  need(!group.all_gather(at::ones({1, 2}).to(device).set_requires_grad(true)).requires_grad(),
       "all_gather has no gradient");
  need_refusal([&] { group.all_gather(at::ones({2, 3}).t()); }, "rows that are not contiguous");
  need_refusal([&] { group.all_gather(at::scalar_tensor(1)); }, "a row without a dimension");
  const at::Tensor rows = at::arange(world * 2 * 3, at::kDouble).reshape({world * 2, 3}).to(device);
  const at::Tensor own = group.reduce_scatter(rows * static_cast<double>(rank + 1));
  need(at::equal(own, rows.narrow(0, rank * 2, 2) * static_cast<double>(world * (world + 1) / 2)), "reduce_scatter");
  if (world > 1) need_refusal([&] { group.reduce_scatter(at::ones({world + 1, 2})); }, "rows that do not divide");
}

void host_values(const Group& group) {
  const int rank = group.rank(), world = group.world();
  double numbers[] = {static_cast<double>(rank), -1.5 * rank, 1e300};
  group.all_reduce(numbers, Reduce::max);
  need(numbers[0] == world - 1 && numbers[1] == 0 && numbers[2] == 1e300, "maximum of numbers");
  double mean[] = {static_cast<double>(2 * rank)};
  group.all_reduce(mean, Reduce::mean);
  need(mean[0] == world - 1, "mean of numbers");
  need(group.any(rank == world - 1) && !group.any(false), "any");
  need(group.same(3.25) && group.same(rank) == (world == 1), "same");
  // Two under way at once, others between them, waited for in another order.
  const auto first = group.highest_later(rank), second = group.highest_later(-rank);
  at::Tensor between = at::ones({1000});
  group.all_reduce(between, Reduce::sum);
  need(second() == 0 && first() == world - 1 && between[999].item<double>() == world, "highest_later");
  const auto text_of = [](int owner) {
    return owner == 1 ? std::string()
                      : std::string(static_cast<size_t>(owner) * 30'000, 'x') + '\0' + "é" + char('0' + owner);
  };
  const std::vector<std::string> texts = group.all_gather(text_of(rank));
  need(texts.size() == static_cast<size_t>(world), "a text of each rank");
  for (int owner = 0; owner < world; ++owner) need(texts[static_cast<size_t>(owner)] == text_of(owner), "texts");
  need(group.all_gather(std::string()) == std::vector<std::string>(static_cast<size_t>(world)), "empty texts");
}

std::string readable(const std::string& hexadecimal) {
  const size_t colon = hexadecimal.find(':');
  std::string bytes;
  for (size_t i = 0; i < colon; i += 2) bytes += static_cast<char>(std::stoi(hexadecimal.substr(i, 2), nullptr, 16));
  if (bytes.size() != 4) return hexadecimal.substr(0, colon);
  std::string out;  // the kernel shows it as a number of this machine
  for (size_t i = 4; i-- > 0;) out += std::to_string(static_cast<unsigned char>(bytes[i])) + (i ? "." : "");
  return out;
}

// The addresses of this process that listen.
std::vector<std::string> listening() {
  std::vector<std::string> own, out;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    own.push_back(std::filesystem::read_symlink(entry.path(), gone));
  }
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream file(table);
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) {
      std::istringstream words(line);
      std::vector<std::string> parts;
      for (std::string word; words >> word;) parts.push_back(word);
      if (parts.size() < 10 || parts[3] != "0A") continue;
      if (std::find(own.begin(), own.end(), "socket:[" + parts[9] + "]") != own.end())
        out.push_back(readable(parts[1]));
    }
  }
  return out;
}

// Rank 0's process is the store: it stays until all have said that they are through.
void finish_together(const Rendezvous& rendezvous, const launch::Ranks& ranks) {
  const auto store = rendezvous.store("end", std::chrono::minutes(1));
  store->add("through", 1);
  while (ranks.rank == 0 && store->add("through", 0) < ranks.world)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

}  // namespace

void meet(const Told& told) {
  say("starting");
  const Rendezvous rendezvous(told.ranks, told.meeting, told.patience);
  say("met over " + rendezvous.interface());
  finish_together(rendezvous, told.ranks);
}

void collectives(const Told& told) {
  World world(told.ranks, told.meeting, told.patience);
  at::Device device = at::kCPU;
  if (!told.more.empty() && told.more[0] == std::pair<std::string, std::string>("device", "cuda")) {
    const device::Devices found = device::find_devices("cuda");
    const device::Device taken = device::take_device(found, found.shared ? 0 : own_gpu(world.group(), found.gpus));
    world.add_device(at::kCUDA, found.shared ? BackendMaker() : device::nccl_maker(taken, told.patience));
    device = taken.device;
  }
  for (const Group* group : {&world.group(), &world.plugins()}) {
    need(group->rank() == told.ranks.rank && group->world() == told.ranks.world, "the rank is the one it was given");
    reductions(*group, device);
    copies(*group, device);
    host_values(*group);
  }
  // What one group has under way does not meet what the other has.
  const auto later = world.group().highest_later(told.ranks.rank);
  need(world.plugins().highest(7 - told.ranks.rank) == 7 && later() == told.ranks.world - 1, "the groups are apart");
  say("collectives hold");
}

void show_listeners(const Told& told) {
  World world(told.ranks, told.meeting, told.patience);
  world.group().highest(1);
  world.plugins().highest(1);
  for (const std::string& address : listening()) say("listens " + address);
  world.group().highest(2);
}

void loop(const Told& told) {
  World world(told.ranks, told.meeting, told.patience);
  int64_t times = INT64_MAX;
  for (const auto& [key, value] : told.more)
    if (key == "times") times = std::stoll(value);
  at::Tensor tensor = at::zeros({1000});
  for (int64_t i = 0; i < times; ++i) {
    tensor.fill_(told.ranks.rank + i);
    world.group().all_reduce(tensor, Reduce::max);
    need(tensor[7].item<double>() == static_cast<double>(told.ranks.world - 1 + i), "the maximum");
    if (i == 2) say("looping");
  }
  say("looped");
}

namespace {

void depart(const Told& told, void (*go)()) {
  std::optional<World> world(std::in_place, told.ranks, told.meeting, told.patience);
  world->group().highest(1);
  if (told.ranks.rank == 1) {
    say("going");
    go();
  }
  const auto later = world->group().highest_later(3);
  world.reset();
  say("parted");
}

}  // namespace

void leave(const Told& told) {
  depart(told, [] { _exit(0); });
}

void linger(const Told& told) {
  depart(told, [] { raise(SIGSTOP); });
}

void freeze(const Told& told) {
  const Rendezvous rendezvous(told.ranks, told.meeting, told.patience);
  const auto store = rendezvous.store("freeze", std::chrono::milliseconds(300));
  if (told.ranks.rank == 0) {
    while (store->add("beat", 0) == 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    say("going");
    raise(SIGSTOP);
    return;
  }
  try {
    while (true) store->add("beat", 1);
  } catch (const std::exception& e) {
    say("gave up: " + first_line(e.what()));
  }
}

void agree(const Told& told) {
  World world(told.ranks, told.meeting, told.patience);
  distributed::agree(world.group(), told.more);
  say("agreed");
  world.group().highest(1);
}

}  // namespace selfsup::distributed::testing
