#include "launch/ranks.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/errors.h"
#include "launch/asked.h"
#include "launch/found.h"
#include "launch/variables.h"

namespace selfsup::launch {
namespace {

// The inner one wins: torchrun and mpirun are started in a step of Slurm, not the other way round.
constexpr std::array kInnerFirst = {Launcher::local, Launcher::pytorch, Launcher::mpi, Launcher::slurm};

// Those other than `chosen` that have left something, for the table: "; not SLURM_STEP_ID"
std::string others(Launcher chosen, const Environment& environment) {
  std::string text;
  for (const Launcher launcher : kInnerFirst)
    if (launcher != chosen && present(launcher, environment))
      text += fmt::format("{}{}", text.empty() ? "; not " : ", ", sign_of(launcher));
  return text;
}

void check_marker(const Environment& environment) {
  const std::string mark = Variables(environment, "").text("SELFSUP_LAUNCHER");
  if (!mark.empty() && mark != name_of(Launcher::local))
    throw Error(Exit::usage,
                fmt::format("SELFSUP_LAUNCHER is \"{}\", and --launcher local alone sets it, to \"local\": take it out "
                            "of the environment; --launcher chooses another",
                            mark));
}

struct Choice {
  Launcher launcher;
  std::string from;
};

Choice choose(const Asked& asked, const Environment& environment) {
  const std::string name = asked.launcher.value_or("auto");
  if (name == "auto" || name == "local") check_marker(environment);
  if (name != "auto") {
    const Launcher launcher = launcher_named(name);
    if (launcher != Launcher::none && !present(launcher, environment))
      throw Error(Exit::usage,
                  launcher == Launcher::local
                      ? "--launcher local starts processes that train, and this command runs in one"
                      : fmt::format("--launcher {}: {} {} not set, so this process was not started by {}; without "
                                    "--launcher the environment decides",
                                    name, sign_of(launcher), launcher == Launcher::pytorch ? "are" : "is",
                                    launcher == Launcher::pytorch ? "torchrun"
                                    : launcher == Launcher::slurm ? "srun"
                                                                  : "mpirun"));
    return {launcher, "--launcher" + others(launcher, environment)};
  }
  for (const Launcher launcher : kInnerFirst)
    if (present(launcher, environment)) return {launcher, sign_of(launcher) + others(launcher, environment)};
  const std::string tasks = Variables(environment, "").text("SLURM_NTASKS");
  return {Launcher::none, tasks.empty() || tasks == "1"
                              ? "nothing in the environment says otherwise"
                              : fmt::format("a batch script of Slurm's; srun would start its {} tasks", tasks)};
}

void compare(const Found& found, const Variables& variables) {
  const auto below = [&](const Number& index, const Number& count) {
    if (index.value >= count.value)
      variables.refuse(fmt::format("{} is {}, and {} is {}: expected 0 to {}", index.from, index.value, count.from,
                                   count.value, count.value - 1));
  };
  for (const Number* count : {&found.world, &found.local_world})
    if (count->value < 1) variables.refuse(fmt::format("{} is {}, expected at least 1", count->from, count->value));
  below(found.rank, found.world);
  below(found.local_rank, found.local_world);
  if (found.local_world.value > found.world.value)
    variables.refuse(fmt::format("{} is {}, and {} is {}: a part cannot be more than all", found.local_world.from,
                                 found.local_world.value, found.world.from, found.world.value));
}

}  // namespace

const char* name_of(Launcher launcher) {
  switch (launcher) {
    case Launcher::none:
      return "none";
    case Launcher::local:
      return "local";
    case Launcher::pytorch:
      return "pytorch";
    case Launcher::slurm:
      return "slurm";
    case Launcher::mpi:
      return "mpi";
  }
  return "";
}

Environment this_environment() {
  Environment environment;
  for (char** entry = environ; entry && *entry; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals != std::string_view::npos) environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

std::string text_of(const std::vector<Origin>& table) {
  size_t what = 0, value = 0;
  for (const Origin& row : table) what = std::max(what, row.what.size()), value = std::max(value, row.value.size());
  std::string text;
  for (const Origin& row : table)
    text += fmt::format("{}  {:<{}}  {:<{}}  {}", text.empty() ? "" : "\n", row.what, what, row.value, value, row.from);
  return text;
}

Ranks find_ranks(const Asked& asked, const Environment& environment) {
  const Choice choice = choose(asked, environment);
  check_flags(asked, choice.launcher);
  Ranks ranks;
  ranks.launcher = choice.launcher;
  ranks.table.push_back({"launcher", name_of(choice.launcher), choice.from});
  if (choice.launcher == Launcher::none) {
    if (asked.launcher.value_or("auto") == "auto" && asked.local_rank.value_or(0) > 0)
      throw Error(Exit::usage,
                  fmt::format("--local-rank is {}, and no launcher has set RANK and WORLD_SIZE; start with "
                              "torchrun, or take --local-rank away",
                              *asked.local_rank));
    ranks.table.push_back({"ranks", "1", "one process"});
    return ranks;
  }
  const Variables variables(environment, remedy_of(choice.launcher));
  const Found found = read_found(choice.launcher, environment, asked.local_rank);
  compare(found, variables);
  if (asked.local_rank && *asked.local_rank != found.local_rank.value)
    variables.refuse(fmt::format("--local-rank is {}, and {} is {}", *asked.local_rank, found.local_rank.from,
                                 found.local_rank.value));
  ranks.rank = found.rank.value, ranks.world = found.world.value;
  ranks.local_rank = found.local_rank.value, ranks.local_world = found.local_world.value;
  ranks.job = found.job;
  const auto row = [&](const char* what, const Number& number) {
    ranks.table.push_back({what, std::to_string(number.value), number.from});
  };
  row("rank", found.rank), row("ranks", found.world);
  row("rank on this machine", found.local_rank), row("ranks on this machine", found.local_world);
  ranks.table.push_back({"job", found.job, found.job_from});
  return ranks;
}

}  // namespace selfsup::launch
