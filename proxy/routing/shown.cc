#include "proxy/routing/shown.h"

namespace wye::routing {

bool operator<(const BinlogPosition& a, const BinlogPosition& b) {
  if (a.file.size() != b.file.size()) return a.file.size() < b.file.size();  // 999999, 1000000
  return a.file != b.file ? a.file < b.file : a.offset < b.offset;
}

void Shown::in_commit(const topology::GtidSet& owned, base::TimePoint asked) {
  if (owned.empty()) {
    owned_.reset();
    until_ = asked;
    return;
  }
  if (owned_ && owned_->minus(owned) == *owned_) {  // none of them is there any more
    owned_.reset();
    until_ = asked_;
  }
  if (owned_) return;
  owned_ = owned;
  asked_ = asked;
}

void Shown::positions(const BinlogPosition& end, const BinlogPosition& visible, base::TimePoint asked) {
  if (!(visible < end)) {
    end_.reset();
    until_ = asked;
    return;
  }
  if (end_ && !(visible < *end_)) {
    end_.reset();
    until_ = asked_;
  }
  if (end_) return;
  end_ = end;
  asked_ = asked;
}

}  // namespace wye::routing
