#include "exchange/match.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace selfsup::exchange {
namespace {

// A way to read a file's names.
struct Reading {
  const Format* format = nullptr;
  std::string without;  // "backbone.": these names have lost it
  std::string prefix;
  std::vector<std::pair<std::string, size_t>> found;
};

using Names = std::unordered_map<std::string_view, std::string_view>;  // theirs -> own

// Those of the whole model, or of one component whose names begin with `without` on both sides.
Names names_of(const Format& format, std::string_view without) {
  Names names;
  for (const auto& [own, theirs] : format.names)
    if (std::string_view(own).starts_with(without) && std::string_view(theirs).starts_with(without))
      names.emplace(std::string_view(theirs).substr(without.size()), own);
  return names;
}

// The prefix that leaves most names.
std::string best_prefix(const Names& names, const std::vector<std::string>& file) {
  std::unordered_map<std::string_view, size_t> votes;
  std::vector<std::string_view> in_order;
  size_t longest = 0;
  for (const auto& [theirs, own] : names) longest = std::max(longest, theirs.size());
  for (const std::string& name : file) {
    // What is longer than all of the names is none: a name of nothing but dots costs no more than its length.
    for (size_t start = 0; start != std::string::npos;) {
      if (name.size() - start <= longest && names.contains(std::string_view(name).substr(start))) {
        const std::string_view prefix = std::string_view(name).substr(0, start);
        if (votes[prefix]++ == 0) in_order.push_back(prefix);
      }
      const size_t dot = name.find('.', start);
      start = dot == std::string::npos ? dot : dot + 1;
    }
  }
  std::string_view best;
  for (const std::string_view prefix : in_order)
    if (votes[prefix] > votes[best]) best = prefix;
  return std::string(best);
}

Reading read(const Format& format, const std::string& without, const std::vector<std::string>& file) {
  const Names names = names_of(format, without);
  Reading reading{&format, without, best_prefix(names, file), {}};
  for (size_t i = 0; i < file.size(); ++i) {
    if (!file[i].starts_with(reading.prefix)) continue;
    const auto name = names.find(std::string_view(file[i]).substr(reading.prefix.size()));
    if (name != names.end()) reading.found.emplace_back(name->second, i);
  }
  return reading;
}

bool is_better(const Reading& reading, const Reading& than) {
  if (reading.found.size() != than.found.size()) return reading.found.size() > than.found.size();
  return !reading.found.empty() && reading.prefix.size() < than.prefix.size();
}

}  // namespace

std::string component_of(const std::string& own_name) {
  const size_t dot = own_name.find('.');
  return dot == std::string::npos ? "" : own_name.substr(0, dot);
}

Match match_names(const std::vector<std::string>& own, const std::vector<Format>& formats,
                  const std::vector<std::string>& file) {
  std::set<std::string> components;
  for (const std::string& name : own) components.insert(component_of(name));
  Reading best;
  for (const Format& format : formats) {
    std::vector<std::string> withouts = {""};
    for (const std::string& component : components)
      if (!component.empty()) withouts.push_back(component + ".");
    for (const std::string& without : withouts)
      if (Reading reading = read(format, without, file); is_better(reading, best)) best = std::move(reading);
  }

  Match match;
  if (best.format) match.format = best.format->name;
  match.prefix = best.prefix;
  match.found = std::move(best.found);
  std::unordered_set<std::string_view> have;
  std::unordered_set<size_t> taken;
  std::set<std::string> touched;
  for (const auto& [name, index] : match.found) {
    have.insert(name);
    taken.insert(index);
    touched.insert(component_of(name));
  }
  std::map<std::string, size_t> untouched;
  for (const std::string& name : own)
    if (!touched.contains(component_of(name))) ++untouched[component_of(name)];
  match.untouched.assign(untouched.begin(), untouched.end());
  if (best.format)
    for (const auto& [name, theirs] : best.format->names)
      if (touched.contains(component_of(name)) && !have.contains(name)) match.missing.push_back(name);
  for (size_t i = 0; i < file.size(); ++i)
    if (!taken.contains(i)) match.unexpected.push_back(i);
  return match;
}

}  // namespace selfsup::exchange
