#include "report/window.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "base/errors.h"

namespace selfsup::report {

TEST_CASE("means are over what came under a name since they were last taken") {
  Means means;
  CHECK(means.take().empty());
  for (int i = 1; i <= 4; ++i) {
    means.add("loss", i);
    if (i % 2 == 0) means.add("grad_norm", 10 * i);
  }
  means.add("rare", 7);
  CHECK(means.take() == Scalars{{"loss", 2.5}, {"grad_norm", 30}, {"rare", 7}});
  means.add("loss", 5);
  CHECK(means.take() == Scalars{{"loss", 5}});
}

TEST_CASE("a window that went through its text tells the line that it would have told, to the last bit") {
  const auto first_half = [](Window& window) {
    window.add_iteration(0.1, 0.01);
    window.add_iteration(0.2, 0.03);
    for (int i = 0; i < 7; ++i) window.of_steps().add("loss \"main\"", 0.1 * i);
    window.of_steps().add("nan", std::nan(""));
    window.of_steps().add("inf", -std::numeric_limits<double>::infinity());
    window.of_events().add("epoch", 1.0 / 3);
  };
  const auto second_half = [](Window& window) {
    window.add_iteration(0.7, 0.1);
    window.of_steps().add("loss \"main\"", 0.3);
    window.of_steps().add("inf", 1);
    window.of_events().add("late", 2);
  };
  Window straight, begun;
  first_half(straight);
  second_half(straight);
  first_half(begun);
  Window kept = Window::of(begun.text(), "test");
  second_half(kept);
  TrainPoint want, got;
  straight.tell(want);
  kept.tell(got);
  CHECK(got.time == want.time);
  CHECK(got.data_time == want.data_time);
  CHECK(to_text(metrics_object(got)) == to_text(metrics_object(want)));
  REQUIRE(got.scalars.size() == 5);
  CHECK(got.scalars[0].second == want.scalars[0].second);
  CHECK(std::isnan(got.scalars[1].second));
  CHECK(got.scalars[2].second == -std::numeric_limits<double>::infinity());
  CHECK(kept.empty());
  CHECK_FALSE(begun.empty());
}

TEST_CASE("a text that is no window is an error of the checkpoint") {
  for (
      const char* text :
      {"", "[]", "{}", R"({"iterations": 1, "seconds": 1, "data_seconds": 1, "steps": 3, "events": []})",
       R"({"iterations": 1, "seconds": 1, "data_seconds": 1, "steps": [{"name": "a", "sum": 1, "count": 0}], "events": []})"}) {
    INFO(text);
    try {
      Window::of(text, "test");
      FAIL("taken");
    } catch (const Error& error) {
      CHECK(error.exit() == Exit::checkpoint);
    }
  }
}

}  // namespace selfsup::report
