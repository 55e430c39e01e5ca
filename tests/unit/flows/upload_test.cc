#include "proxy/session/flows/upload.h"

#include <random>

#include "tests/unit/catch.h"

namespace wye::session {
namespace {

using protocol::header_size;
using protocol::max_frame;

constexpr std::uint64_t no_limit = UINT64_MAX;

base::Bytes frame(std::uint32_t length, std::uint8_t sequence) {
  base::Bytes out(header_size + length, 'x');
  protocol::write_head(out.data(), {length, sequence});
  return out;
}

/// Frames behind the command's beginning, given in pieces; what came out.
base::Bytes pumped(Upload& upload, const base::Bytes& bytes, std::size_t piece, Upload::Step& last) {
  base::Buffer in, out;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    in.append(base::ByteView{bytes}.subspan(at, std::min(piece, bytes.size() - at)));
    last = upload.pump(in, &out, no_limit);
    if (last != Upload::Step::need_more) break;
  }
  return {out.data().begin(), out.data().end()};
}

TEST_CASE("nothing to come is complete") {
  Upload upload;
  CHECK(upload.complete());
  upload.begin(0, false, 10);
  CHECK(upload.complete());
  CHECK(upload.total() == 10);
  upload.none();
  CHECK(upload.complete());
}

TEST_CASE("the rest of a frame passes as it is, and not a byte of the next command") {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{100}}) {
    Upload upload;
    upload.begin(10, false, 20);
    CHECK_FALSE(upload.complete());
    base::Buffer in, out;
    const std::string text = "0123456789next";
    auto step = Upload::Step::need_more;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      in.append(base::bytes_of(std::string_view(text).substr(at, piece)));
      if (step == Upload::Step::need_more) step = upload.pump(in, &out, no_limit);
    }
    CHECK(step == Upload::Step::complete);
    CHECK(base::chars_of(out.data()) == "0123456789");
    CHECK(base::chars_of(in.data()) == "next");
  }
}

TEST_CASE("full frames go on until one is not, even if that is empty") {
  for (const std::uint32_t tail : {0U, 1U, 1000U}) {
    base::Bytes bytes(5, 'x');  // what is left of the first frame
    base::append(bytes, frame(max_frame, 1));
    base::append(bytes, frame(tail, 2));
    for (const std::size_t piece : {std::size_t{65536}, std::size_t{999'983}, bytes.size()}) {
      Upload upload;
      upload.begin(5, true, max_frame);
      auto step = Upload::Step::need_more;
      CHECK((pumped(upload, bytes, piece, step) == bytes));
      CHECK(step == Upload::Step::complete);
      CHECK(upload.frames() == 3);
      CHECK(upload.total() == 2ULL * max_frame + tail);
    }
  }
}

TEST_CASE("a full first frame that is there already, cut at every byte of the next head") {
  base::Bytes bytes = frame(3, 1);
  for (std::size_t first = 0; first <= bytes.size(); ++first) {
    Upload upload;
    upload.begin(0, true, max_frame);
    CHECK_FALSE(upload.complete());
    base::Buffer in, out;
    in.append(base::ByteView{bytes}.first(first));
    const auto step = upload.pump(in, &out, no_limit);
    CHECK(step == (first == bytes.size() ? Upload::Step::complete : Upload::Step::need_more));
    in.append(base::ByteView{bytes}.subspan(first));
    CHECK(upload.pump(in, &out, no_limit) == Upload::Step::complete);
    CHECK(out.size() == bytes.size());
  }
}

TEST_CASE("a frame out of sequence, and one that makes too much, stop it before a byte of it passes") {
  base::Buffer in, out;
  Upload upload;
  upload.begin(0, true, max_frame);
  in.append(frame(3, 2));
  CHECK(upload.pump(in, &out, no_limit) == Upload::Step::out_of_sequence);
  CHECK(out.empty());
  Upload large;
  large.begin(0, true, max_frame);
  in.clear();
  in.append(frame(3, 1));
  CHECK(large.pump(in, &out, max_frame + 2) == Upload::Step::too_large);
  CHECK(out.empty());
  CHECK(large.pump(in, &out, max_frame + 6) == Upload::Step::complete);
}

TEST_CASE("without anywhere to go the bytes are dropped") {
  Upload upload;
  upload.begin(4, false, 4);
  base::Buffer in;
  in.append(base::bytes_of("abcdrest"));
  CHECK(upload.pump(in, nullptr, no_limit) == Upload::Step::complete);
  CHECK(base::chars_of(in.data()) == "rest");
}

}  // namespace
}  // namespace wye::session
