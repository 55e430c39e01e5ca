#include "proxy/session/flows/infile.h"

#include "tests/unit/catch.h"

namespace wye::session {
namespace {

using protocol::header_size;
using protocol::max_frame;

void put_frame(base::Bytes& to, std::uint32_t length, std::uint8_t sequence) {
  const std::size_t at = to.size();
  to.resize(at + header_size + length, 'x');
  protocol::write_head(to.data() + at, {length, sequence});
}

/// Given in pieces; what came out.
base::Bytes pumped(Infile& infile, const base::Bytes& bytes, std::size_t piece, Upload::Step& last) {
  base::Buffer in, out;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    in.append(base::ByteView{bytes}.subspan(at, std::min(piece, bytes.size() - at)));
    last = infile.pump(in, &out, UINT64_MAX);
    if (last != Upload::Step::need_more) break;
  }
  return {out.data().begin(), out.data().end()};
}

TEST_CASE("a file passes up to its empty packet, however it is cut") {
  base::Bytes file, expected;
  for (unsigned i = 0; i < 300; ++i) {
    put_frame(file, 7, static_cast<std::uint8_t>(2 + i));
    put_frame(expected, 7, static_cast<std::uint8_t>(2 + i - 3));
  }
  put_frame(file, 0, static_cast<std::uint8_t>(302));
  put_frame(expected, 0, static_cast<std::uint8_t>(302 - 3));
  for (const std::size_t piece : {std::size_t{1}, std::size_t{5}, std::size_t{4096}}) {
    CAPTURE(piece);
    Infile infile;
    infile.begin(2, 3);
    Upload::Step step = Upload::Step::need_more;
    CHECK(pumped(infile, file, piece, step) == expected);
    CHECK(step == Upload::Step::complete);
    CHECK_FALSE(infile.active());
    CHECK(infile.next_sequence() == static_cast<std::uint8_t>(303));
  }
}

TEST_CASE("what comes behind the empty packet is the next command") {
  base::Buffer in, out;
  base::Bytes bytes;
  put_frame(bytes, 0, 2);
  put_frame(bytes, 5, 0);
  in.append(bytes);
  Infile infile;
  infile.begin(2, 0);
  CHECK(infile.pump(in, &out, UINT64_MAX) == Upload::Step::complete);
  CHECK(in.size() == header_size + 5);
}

TEST_CASE("an empty frame behind a full one ends a packet, not the file") {
  base::Bytes file;
  put_frame(file, max_frame, 2);
  put_frame(file, 0, 3);
  Infile infile;
  infile.begin(2, 0);
  Upload::Step step = Upload::Step::need_more;
  CHECK(pumped(infile, file, file.size(), step).size() == file.size());
  CHECK(step == Upload::Step::need_more);
  file.clear();
  put_frame(file, 0, 4);
  pumped(infile, file, file.size(), step);
  CHECK(step == Upload::Step::complete);
}

TEST_CASE("a file out of order or with a packet too large is refused, a long file is not") {
  base::Buffer in;
  base::Bytes bytes;
  put_frame(bytes, 3, 7);
  in.append(bytes);
  Infile infile;
  infile.begin(2, 0);
  CHECK(infile.pump(in, nullptr, 100) == Upload::Step::out_of_sequence);
  in.clear();
  infile.begin(2, 0);
  bytes.clear();
  for (unsigned i = 0; i < 50; ++i) put_frame(bytes, 90, static_cast<std::uint8_t>(2 + i));
  in.append(bytes);
  CHECK(infile.pump(in, nullptr, 100) == Upload::Step::need_more);
  bytes.clear();
  put_frame(bytes, 101, 52);
  in.append(bytes);
  CHECK(infile.pump(in, nullptr, 100) == Upload::Step::too_large);
}

TEST_CASE("the numbers of a compressed stream's packets are made anew") {
  base::Bytes file, expected;
  put_frame(file, 3, 200);
  put_frame(file, 4, 7);
  put_frame(file, 0, 7);
  put_frame(expected, 3, 2);
  put_frame(expected, 4, 3);
  put_frame(expected, 0, 4);
  base::Buffer in, out;
  in.append(file);
  Infile infile;
  infile.begin(2, 0);
  CHECK(infile.pump(in, &out, 100, false) == Upload::Step::complete);
  CHECK(base::Bytes(out.data().begin(), out.data().end()) == expected);
}

}  // namespace
}  // namespace wye::session
