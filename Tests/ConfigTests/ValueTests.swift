import Base
import Testing

@testable import Config

/// Durations, sizes, dates, globs, suggestions as values.
@Suite struct ValueTests {
  @Test(arguments: [
    ("0", 0), ("0s", 0), ("200ms", 200_000), ("5s", 5_000_000), ("1m", 60_000_000),
    ("1h30m", 5_400_000_000), ("1.5h", 5_400_000_000), ("2d", 172_800_000_000), ("7us", 7),
    ("1d2h3m4s5ms6us", 93_784_005_006), ("0.000001s", 1), ("106751991d", 9_223_372_022_400_000_000),
  ] as [(String, Int64)])
  func `durations are read as people write them`(text: String, micros: Int64) throws {
    #expect(try DurationText.micros(text) == micros)
    #expect(try DurationText.micros(DurationText.text(micros: micros)) == micros)
  }

  @Test(arguments: [
    "", "s", "5", "-5s", "+5s", "5 s", "5S", "30m1h", "1m1m", "1.s", ".5s", "1.2.3s", "0.0000001s",
    "0.5us", "1e3s", "106751992d", "9223372036854775808us", "٥s", "5µs", "1w",
  ])
  func `what is no duration is refused`(text: String) {
    #expect(throws: ValueFault.self) { try DurationText.micros(text) }
  }

  @Test(arguments: [
    ("5", "5s"), ("5 s", "5s"), ("5 minutes", "5m"), ("1 Hour 30 min", "1h30m"), ("10sec", "10s"),
    ("2 days", "2d"), ("5µs", "5us"), ("1_000ms", "1000ms"),
    ("90 s", "90s"), ("1w", "7d"), (".5h", "0.5h"), ("1,5h", "1.5h"),
    ("1,000s", "1000s"), ("PT1H30M", "1h30m"), ("P2D", "2d"), ("1.5 hours", "1.5h"),
  ])
  func `a slip in a duration is put right`(text: String, suggestion: String) {
    do {
      _ = try DurationText.micros(text)
      Issue.record("\(text) was read")
    } catch {
      #expect(error.suggestion == "did you mean `\(suggestion)`?")
    }
  }

  @Test(arguments: [
    ("0", 0), ("1B", 1), ("64MB", 64_000_000), ("64mb", 64_000_000), ("1GiB", 1 << 30),
    ("1.5KiB", 1536), ("2TB", 2_000_000_000_000), ("1kB", 1000),
  ] as [(String, Int64)])
  func `sizes are read as people write them`(text: String, byteCount: Int64) throws {
    #expect(try ByteCountText.byteCount(text) == byteCount)
    #expect(try ByteCountText.byteCount(ByteCountText.text(byteCount: byteCount)) == byteCount)
  }

  @Test(arguments: ["", "64", "64M", "-1B", "1.5B", "MB", "1 MB", "9000000TiB", "1e3B"])
  func `what is no size is refused`(text: String) {
    #expect(throws: ValueFault.self) { try ByteCountText.byteCount(text) }
  }

  @Test(arguments: [
    ("64", "64B"), ("64 MiB", "64MiB"), ("10k", "10kB"), ("64M", "64MB"), ("64Mi", "64MiB"),
    ("1_000MB", "1000MB"), ("1,5 GB", "1.5GB"), ("2 g", "2gB"),
  ])
  func `a slip in a size is put right`(text: String, suggestion: String) {
    do {
      _ = try ByteCountText.byteCount(text)
      Issue.record("\(text) was read")
    } catch {
      #expect(error.suggestion == "did you mean `\(suggestion)`?")
    }
  }

  @Test func `negative measures are called so`() {
    #expect(throws: ValueFault.self) { try DurationText.micros("-5s") }
    do { _ = try DurationText.micros("-5s") } catch {
      #expect(error.message.hasPrefix("is negative"))
    }
    do { _ = try ByteCountText.byteCount("-5MB") } catch {
      #expect(error.message.hasPrefix("is negative"))
    }
  }

  @Test(arguments: [
    ("10k", "10000"), ("2M", "2000000"), ("1e6", "1000000"), ("1.5e3", "1500"), ("1,000", "1000"),
    ("10 000", "10000"), ("1.5k", "1500"), ("_1", "1"), ("1__0", "10"), ("many", nil),
    ("900M", nil), ("1e400", nil), ("1.5", nil), ("-5k", nil), ("", nil),
  ] as [(String, String?)])
  func `a slip in a count is put right where it is in range`(text: String, suggestion: String?) {
    let format = Format<Int>.wholeNumber(in: 1...16_000_000)
    do {
      _ = try format.read(ConfigScalar(text: text, written: text, isQuoted: false))
      Issue.record("\(text) was read")
    } catch {
      #expect(error.suggestion == suggestion.map { "did you mean `\($0)`?" })
    }
  }

  @Test(arguments: [("1_000", 1000), ("16_000_000", 16_000_000), ("7", 7)])
  func `counts may have underscores between digits`(text: String, count: Int) throws {
    let format = Format<Int>.wholeNumber(in: 1...16_000_000)
    #expect(try format.read(ConfigScalar(text: text, written: text, isQuoted: false)) == count)
  }

  @Test func `dates are days of the calendar`() throws {
    #expect(try DateText.micros("1970-01-01") == 0)
    #expect(try DateText.micros("2000-02-29") == 951_782_400_000_000)
    let odd = ["2001-02-29", "2000-13-01", "2000-00-10", "2000-1-1", "2000-01-01T00:00", "x", ""]
    for text in odd {
      #expect(throws: ValueFault.self) { try DateText.micros(text) }
    }
  }

  @Test(arguments: [
    ("*", "", true), ("*", "x", true),
    ("battery_*", "battery_v", true), ("battery_*", "bus", false),
    ("*_c", "a_b_c", true), ("*_c", "a_c_b", false), ("a?c", "abc", true), ("a?c", "ac", false),
    ("a*b*c", "aXbYbZc", true), ("a*b*c", "aXcYb", false), ("", "", true), ("", "a", false),
    ("**a", "ba", true), ("?*", "", false), ("A", "a", false), ("*é?", "caféx", true),
  ])
  func `globs cover whole names`(pattern: String, name: String, isMatch: Bool) {
    #expect(Glob(pattern).matches(name) == isMatch)
  }

  @Test func `globs agree with a plain recursive definition on random patterns`() {
    func covers(_ pattern: Substring, _ name: Substring) -> Bool {
      guard let first = pattern.first else { return name.isEmpty }
      if first == "*" {
        return covers(pattern.dropFirst(), name)
          || (!name.isEmpty && covers(pattern, name.dropFirst()))
      }
      guard let letter = name.first, first == "?" || first == letter else { return false }
      return covers(pattern.dropFirst(), name.dropFirst())
    }
    let seed = UInt64.random(in: 1...UInt64.max)
    var state = seed
    func next(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    for _ in 0..<20_000 {
      let pattern = String((0..<next(7)).map { _ in Array("ab*?")[next(4)] })
      let name = String((0..<next(8)).map { _ in Array("ab")[next(2)] })
      let expected = covers(pattern[...], name[...])
      #expect(Glob(pattern).matches(name) == expected, "\(pattern) \(name), seed \(seed)")
    }
  }

  @Test(arguments: [
    ("brokrs", "brokers"), ("broker", "brokers"), ("on-position-lost", "on_position_lost"),
    ("onPositionLost", "on_position_lost"), ("porperties", "properties"), ("prop", "properties"),
    ("START", "start"),
  ])
  func `the nearest word is suggested`(word: String, expected: String) {
    let known = ["brokers", "group", "start", "on_position_lost", "properties"]
    #expect(Suggestion.nearest(to: word, among: known) == expected)
  }

  @Test func `nothing is suggested where nothing is near`() {
    for word in ["", "x", "topics", "zzzzzz", String(repeating: "group", count: 100)] {
      #expect(Suggestion.nearest(to: word, among: ["brokers", "group", "start"]) == nil)
    }
  }

  @Test func `edit distance counts swaps of neighbours once`() {
    func distance(_ left: String, _ right: String) -> Int {
      Suggestion.editDistance(Array(left.utf8), Array(right.utf8))
    }
    #expect(distance("", "abc") == 3)
    #expect(distance("abc", "") == 3)
    #expect(distance("abc", "acb") == 1)
    #expect(distance("kitten", "sitting") == 3)
    #expect(distance("ca", "abc") == 3)
  }
}
