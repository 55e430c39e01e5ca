#include "proxy/metrics/catalog.h"

namespace wye::metrics {
namespace {

const char* word(Type type) {
  switch (type) {
    case Type::counter:
      return "counter";
    case Type::gauge:
      return "gauge";
    case Type::histogram:
      break;
  }
  return "histogram";
}

}  // namespace

std::string catalog_markdown() {
  std::string out =
      "# Metrics\n\n"
      "`GET /metrics` on `metrics.address` (default 127.0.0.1:9633), in Prometheus' text format. This page is the list "
      "in\n"
      "`proxy/metrics/catalog.h`; a unit test compares the two. Counters start at 0 with the process. Of\n"
      "`wye_statements_total` and the histograms only series that have counted something are there.\n\n"
      "| metric | type | labels | what |\n| --- | --- | --- | --- |\n";
  for (const Metric* m : catalog::all) {
    out += std::string{"| `"} + m->name + "` | " + word(m->type) + " | " + m->labels + " | " + m->help + " |\n";
  }
  return out;
}

}  // namespace wye::metrics
