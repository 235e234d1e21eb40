#include "distributed/agreement.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "base/errors.h"
#include "base/hash.h"
#include "base/text.h"
#include "distributed/rank_text.h"

namespace selfsup::distributed {
namespace {

constexpr size_t longest_value = 200;  // bytes in the message
constexpr size_t most_facts = 8;       // of those that differ, in the message

std::string digest(const std::string& text) { return sha256_hex(text.data(), text.size()); }

void append(std::string& out, const std::string& part) { out += std::to_string(part.size()) + ":" + part; }

// What append has put together.
std::vector<std::string> parts_of(const std::string& text) {
  std::vector<std::string> out;
  for (size_t at = 0; at < text.size();) {
    const size_t colon = text.find(':', at);
    const size_t length = std::stoul(text.substr(at, colon - at));
    out.push_back(text.substr(colon + 1, length));
    at = colon + 1 + length;
  }
  return out;
}

using Values = std::vector<std::optional<std::string>>;  // by rank; none: the rank has no such fact

std::vector<int> holders(const Values& values, const std::optional<std::string>& value) {
  std::vector<int> out;
  for (size_t rank = 0; rank < values.size(); ++rank)
    if (values[rank] == value) out.push_back(static_cast<int>(rank));
  return out;
}

// In the order of the ranks that have them first; each once.
Values distinct(const Values& values) {
  Values out;
  for (const auto& value : values)
    if (std::find(out.begin(), out.end(), value) == out.end()) out.push_back(value);
  return out;
}

// A line from a little before the place at which it leaves the other one.
std::string from_difference(const std::string& line, const std::string& other) {
  constexpr size_t before = 40;
  const auto ends = std::mismatch(line.begin(), line.end(), other.begin(), other.end());
  size_t at = static_cast<size_t>(ends.first - line.begin());
  if (line.size() <= longest_value || at <= before) return shortened(line, longest_value);
  at -= before;
  while (at > 0 && (static_cast<unsigned char>(line[at]) & 0xC0) == 0x80) --at;  // inside a character
  return "…" + shortened(line.substr(at), longest_value);
}

// A value in the message: whole, or its first line that is not as in the other one.
std::string shown(const std::optional<std::string>& value, const std::optional<std::string>& other) {
  if (!value) return "nothing of that name";
  if (!other) return shortened(first_line(*value), longest_value);
  const std::vector<std::string> own = lines_of(*value), others = lines_of(*other);
  if (own.size() == 1 && others.size() == 1) return from_difference(own[0], others[0]);
  size_t line = 0;
  while (line < own.size() && line < others.size() && own[line] == others[line]) ++line;
  if (line == own.size()) return fmt::format("an end after line {}", line);
  return fmt::format("in line {}: {}", line + 1, from_difference(own[line], line < others.size() ? others[line] : ""));
}

std::string difference(const std::string& name, const Values& values) {
  const Values variants = distinct(values);
  std::optional<std::string> measure = variants[0];
  for (const auto& variant : variants)
    if (holders(values, variant).size() > holders(values, measure).size()) measure = variant;
  // Of the measure the line is shown at which the first of the others leaves it.
  std::optional<std::string> other;
  for (const auto& variant : variants)
    if (!other && variant != measure) other = variant;
  std::string out = fmt::format("  {}: {} {} {}", name, rank_text(holders(values, measure)),
                                holders(values, measure).size() == 1 ? "has" : "have", shown(measure, other));
  for (const auto& variant : variants) {
    if (variant == measure) continue;
    const std::vector<int> ranks = holders(values, variant);
    out += fmt::format("; {} {} {}", rank_text(ranks), ranks.size() == 1 ? "has" : "have", shown(variant, measure));
  }
  return out;
}

// Of every name that any rank has, in the order of the first rank that has it.
std::vector<std::pair<std::string, Values>> by_name(const std::vector<std::string>& of_ranks) {
  std::vector<std::pair<std::string, Values>> out;
  std::map<std::string, size_t> places;
  for (size_t rank = 0; rank < of_ranks.size(); ++rank) {
    const std::vector<std::string> parts = parts_of(of_ranks[rank]);
    for (size_t i = 0; i + 1 < parts.size(); i += 2) {
      const auto [place, added] = places.emplace(parts[i], out.size());
      if (added) out.emplace_back(parts[i], Values(of_ranks.size()));
      out[place->second].second[rank] = parts[i + 1];
    }
  }
  return out;
}

}  // namespace

void agree(const Group& group, const Facts& facts) {
  std::string whole, digests;
  for (const auto& [name, text] : facts) {
    append(whole, name);
    append(whole, text);
    append(digests, name);
    append(digests, digest(text));
  }
  const std::vector<std::string> all = group.all_gather(digest(whole));
  if (std::all_of(all.begin(), all.end(), [&](const std::string& of_rank) { return of_rank == all[0]; })) return;
  // Which facts differ, then their texts alone: every rank comes to the same names.
  std::vector<std::string> names;
  for (const auto& [name, values] : by_name(group.all_gather(digests)))
    if (distinct(values).size() > 1) names.push_back(name);
  std::string texts;
  for (const auto& [name, text] : facts) {
    if (std::find(names.begin(), names.end(), name) == names.end()) continue;
    append(texts, name);
    append(texts, text);
  }
  std::string message = fmt::format("the {} ranks do not start from the same, so nothing was trained:", group.world());
  size_t told = 0;
  for (const auto& [name, values] : by_name(group.all_gather(texts))) {
    if (told++ == most_facts) break;
    message += fmt::format("\n{}", difference(name, values));
  }
  if (names.empty()) message += "\n  the order of the facts";
  if (names.size() > most_facts) message += fmt::format("\n  and {} more", names.size() - most_facts);
  throw Error(Exit::disagree, message +
                                  "\nGive all ranks the same program, plugins, configuration and data, and another run "
                                  "another port.");
}

}  // namespace selfsup::distributed
