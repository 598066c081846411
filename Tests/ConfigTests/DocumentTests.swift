import Config
import Testing

/// What is wrong before there are keys and values: bytes, YAML syntax, blow-ups.
@Suite struct DocumentTests {
  private func only(_ text: String, _ location: SourceLocation = #_sourceLocation) -> String {
    let found = faults(of: text, sourceLocation: location)
    #expect(found.count == 1, sourceLocation: location)
    guard let fault = found.first else { return "" }
    return "\(fault.line):\(fault.column) \(fault.message)"
      + (fault.suggestion.map { " = " + $0 } ?? "")
  }

  @Test(arguments: [
    ("kafka:\n\tbrokers: [a]\n",
      "2:1 YAML syntax: found character that cannot start any token (while scanning for the next"
        + " token, line 2, column 1) = indent with spaces; YAML forbids tabs"),
    ("windows:\n  - {metrics: [*_temp]}\n",
      "2:16 YAML syntax: found undefined alias"
        + " = a glob that starts with `*` goes in quotes: \"*_temperature_c\""),
    ("windows:\n  - {metrics: [*]}\n",
      "2:17 YAML syntax: did not find expected alphabetic or numeric character (while scanning an"
        + " alias, line 2, column 16)"
        + " = a glob that starts with `*` goes in quotes: \"*_temperature_c\""),
    ("a: b: c\n",
      "1:5 YAML syntax: mapping values are not allowed in this context"
        + " = put a value that contains `: ` in quotes, or check the indentation of this line"),
    ("a: 1\n---\nb: 2\n",
      "2:1 YAML syntax: but found another document (expected a single document in the stream, line"
        + " 1, column 1) = a configuration is one document; remove the `---` line"),
    ("a: !!binary x\n",
      "1:4 YAML tags are not supported = put a value that starts with `!` in quotes"),
    ("a: &x {b: 1}\nc: {<<: *x}\n",
      "2:5 merge keys (`<<`) are not supported"
        + " = write the keys out, or alias a whole value: `event_time: *slow`"),
    ("? [a]\n: 1\n", "1:3 a key must be a plain word"),
    ("pipeline: a\u{7}b\n", "1:12 the control character U+0007 is not allowed in YAML"),
    ("# only a comment\n", "0:0 the file is empty = begin with: pipeline: NAME"),
    ("", "0:0 the file is empty = begin with: pipeline: NAME"),
  ])
  func `what is no configuration at all is said once`(text: String, expected: String) {
    #expect(only(text) == expected)
  }

  @Test func `a list or a word in place of the file is a fault of the root`() {
    #expect(only("[a, b]\n").hasPrefix("1:1 expected a mapping with pipeline, lanes, kafka"))
    #expect(only("word\n").hasPrefix("1:1 expected a mapping with pipeline, lanes, kafka"))
  }

  @Test func `bytes that are not UTF-8 are found where they stand`() {
    #expect(throws: ConfigFaults.self) {
      try Configuration.parse(Array("pipeline: é".utf8) + [0xFF], file: "x", environment: [:])
    }
    do {
      let bytes = Array("a: 1\npipeline: é".utf8) + [0xFF, 0x20]
      _ = try Configuration.parse(bytes, file: "x", environment: [:])
    } catch {
      #expect(error.faults.map(\.position) == [ConfigPosition(line: 2, column: 12)])
      #expect(error.faults.first?.message == "the bytes here are not UTF-8")
    }
  }

  @Test func `a file above 1 MiB is refused, one of 1 MiB is read`() throws {
    let padding = String(repeating: "#", count: (1 << 20) - minimal.utf8.count)
    _ = try read(minimal + padding)
    #expect(
      only(minimal + padding + "#")
        == "0:0 the file has 1048577 bytes; at most 1048576 are accepted")
  }

  @Test func `nesting is bounded, however deep`() {
    for depth in [40, 900, 5000, 200_000] {
      let flow = "a: " + String(repeating: "[", count: depth) + "\n"
      #expect(faults(of: flow).count == 1)
      let closed =
        "a: " + String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
      #expect(faults(of: closed).count == 1)
    }
    let nested = "a: " + String(repeating: "[", count: 40) + String(repeating: "]", count: 40)
    #expect(only(nested) == "1:36 nested more than 32 levels deep")
  }

  @Test func `aliases share values but cannot blow up`() throws {
    let shared = """
      pipeline: fleet
      kafka: {brokers: [b:9092]}
      event_time: &slow {device_idle: 2h}
      sources:
        - {name: a, topics: [a], message: M, device: d, time: {field: t}, event_time: *slow}
      storage: {root: /srv}
      """
    #expect(try read(shared).sources[0].eventTime.deviceIdleMicros == 7_200_000_000)

    // Thirty levels of doubling: 2^30 values in 1 KB.
    var bomb = "a0: &a0 [x, x]\n"
    for level in 1...30 { bomb += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n" }
    #expect(only(bomb).hasPrefix("18:12 more than 32 aliases (`*name`)"))
    // The same as a key, where the parser itself would walk through it.
    #expect(only(bomb + "? *a30\n: 1\n").hasPrefix("18:12 more than 32 aliases"))

    // What 32 aliases can do is bounded by the count of values.
    var wide = "a0: &a0 [\(String(repeating: "x,", count: 1000))x]\n"
    for level in 1...10 {
      wide += "a\(level): &a\(level) [\(String(repeating: "*a\(level - 1), ", count: 3))]\n"
    }
    #expect(only(wide).contains("more than 100000 values after following aliases"))
  }

  @Test func `duplicate keys and other faults are reported together, at their own columns`() {
    let text = """
      pipeline: fleet
      pipeline: other
      kafka: {brokers: [b], start: x, brokers: [c], brokers: [d], group: "?"}
      sources:
        - {name: A, name: B, topics: [t], message: M, device: d, time: {field: t}}
      storage: {root: /srv}
      storage: {root: /srv2}
      """
    let found = faults(of: text).map { "\($0.line):\($0.column) \($0.keyPath)" }
    #expect(
      found == [
        "2:1 pipeline", "3:30 kafka.start", "3:33 kafka.brokers", "3:47 kafka.brokers",
        "3:68 kafka.group", "5:12 sources[0].name", "5:15 sources[0].name", "7:1 storage",
      ])
  }

  @Test func `CRLF files have the same positions`() {
    let text = "pipeline: fleet\nkafka: {brokers: [b:9092], start: x}\n"
    let unix = faults(of: text).map(\.position)
    #expect(faults(of: text.replacing("\n", with: "\r\n")).map(\.position) == unix)
    #expect(unix.contains(ConfigPosition(line: 2, column: 35)))
  }

  @Test func `a file that is not there is a fault without a place`() {
    do {
      _ = try Configuration.load(file: "/nonexistent/x.yaml", environment: [:])
      Issue.record("a missing file was read")
    } catch {
      #expect(
        error.description == """
          /nonexistent/x.yaml: error: cannot read /nonexistent/x.yaml: No such file or directory
          1 fault
          """)
    }
  }
}
