import Config
import Glibc
import Testing

/// Whatever the bytes are, reading them ends with a configuration or with faults inside the file.
@Suite struct FuzzTests {
  @Test func `damaged files never trap, and what still reads reads back the same`() {
    let iterationCount = getenvInt("DOWNLINK_FUZZ_ITERATIONS") ?? 500
    let seed = UInt64.random(in: 1...UInt64.max)
    var state = seed
    func next(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    let start = Array(complete.utf8)
    let pieces = [
      "---\n", "...\n", "%YAML 1.2\n", "? ", ": ", "- ", "&a ", "*a", "!!str ", "!x ", "|\n", ">\n",
      "{", "}", "[", "]", "\"", "'", "#", "\t", "\n", "\r", ",", "<<: ", "${", "${A}", "$${", "~",
      "\u{FEFF}", "\u{85}", "\\x00", "\"\\ud800\"", "name: a\n", "  ",
    ].map { Array($0.utf8) }
    for iteration in 0..<iterationCount {
      var bytes = start
      for _ in 0...next(6) where !bytes.isEmpty {
        let place = next(bytes.count)
        switch next(4) {
        case 0: bytes[place] = UInt8(next(256))
        case 1: bytes.insert(contentsOf: pieces[next(pieces.count)], at: place)
        case 2: bytes.removeSubrange(place..<min(bytes.count, place + next(40)))
        default:
          let end = min(bytes.count, place + next(60))
          bytes.insert(contentsOf: bytes[place..<end], at: next(bytes.count))
        }
      }
      let trail = "iteration \(iteration), seed \(seed)"
      do {
        let environment = ["PORT": "9480", "READINGS": "5", "A": "a"]
        let configuration = try Configuration.parse(
          bytes, file: "/etc/downlink/x.yaml", environment: environment)
        _ = configuration.fingerprint
        let again = try? read(configuration.effective)
        #expect(again?.fingerprint == configuration.fingerprint, "\(trail)")
      } catch {
        let lineCount = bytes.count { $0 == 0x0A || $0 == 0x0D || $0 == 0x85 || $0 == 0xA8 } + 2
        #expect(error.faults.allSatisfy { $0.line <= lineCount }, "\(trail)")
        #expect(!error.description.isEmpty)
      }
    }
  }

  /// What is written to exhaust a reader: nesting, aliases of aliases, keys without end.
  @Test(arguments: [
    String(repeating: "[", count: 500_000), String(repeating: "{a: ", count: 200_000),
    String(repeating: "- ", count: 300_000), String(repeating: "? ", count: 300_000),
    "pipeline: " + String(repeating: "[", count: 100_000),
    (0..<3_000).map { String(repeating: " ", count: $0 / 8) + "a\($0):\n" }.joined(),
    "a: &a [x, x]\n" + (0..<30).map { "b\($0): &b\($0) [*a, *a]\n" }.joined(),
    "a: &a [*a, *a]\n", "a: &a {b: *a}\n", String(repeating: "a: 1\n", count: 20_000),
    "pipeline: " + String(repeating: "x", count: 1_000_000),
    "lanes: " + String(repeating: "9", count: 900_000), "lanes: -9223372036854775809",
    "storage: {commit: {interval: 99999999999999999999h}}",
    "storage: {commit: {bytes: 18446744073709551616GiB}}", "lanes: 1e309", "lanes: .nan",
    "windows: [{name: w, size: 9223372036854775807us, slide: 1us}]",
  ])
  func `what is written to exhaust a reader is refused in time`(text: String) throws {
    // The thread's own time: others may hold up the machine.
    let start = threadSeconds()
    do {
      #expect(throws: ConfigFaults.self) {
        _ = try Configuration.parse(Array(text.utf8), file: "x.yaml", environment: [:])
      }
    }
    #expect(threadSeconds() - start < 30, "\(text.prefix(40))")
  }

  private func threadSeconds() -> Int {
    var time = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return time.tv_sec
  }

  private func getenvInt(_ name: String) -> Int? {
    guard let text = unsafe getenv(name) else { return nil }
    return unsafe Int(String(cString: text))
  }
}
