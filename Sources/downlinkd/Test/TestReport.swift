import Base
import Pipeline

/// What all tests came to: for people, for programs, for CI.
struct TestReport {
  let results: [TestResult]

  var failedCount: Int { results.count { !$0.hasPassed } }

  // MARK: - Text

  /// A line a test, and below a failed one what differs.
  static func text(_ result: TestResult) -> String {
    if result.hasPassed { return "ok    \(PlainText.shown(result.name))\n" }
    var lines = ["FAIL  \(PlainText.shown(result.name))"]
    for failure in result.failures { lines += Self.lines(failure, of: result) }
    return lines.map { $0 + "\n" }.joined()
  }

  private static func lines(_ failure: TestFailure, of result: TestResult) -> [String] {
    var lines = ["      \(result.file):\(failure.line): \(failure.table): \(failure.sentence)"]
    let nameWidth = failure.differences.map(\.column.count).max() ?? 0
    let valueWidth = failure.differences.map(\.expected.count).max() ?? 0
    for one in failure.differences {
      lines.append(
        "        \(padded(one.column, nameWidth))  expected \(padded(one.expected, valueWidth))"
          + "  found \(one.found)")
    }
    return lines + failure.rows.map { "        - \($0)" }
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  /// The last line.
  var summary: String {
    let files = Figure.count(Set(results.map(\.file)).count, "file")
    let passed = results.count - failedCount
    return "\(files), \(Figure.count(results.count, "test")): \(passed) passed"
      + (failedCount > 0 ? ", \(failedCount) failed" : "") + "\n"
  }

  // MARK: - JSON

  /// - Parameter withRows: every row of every table as well.
  func json(withRows: Bool) -> JSONValue {
    [
      "passed": .int(results.count - failedCount),
      "failed": .int(failedCount),
      "tests": .array(results.map { Self.json($0, withRows: withRows) }),
    ]
  }

  private static func json(_ result: TestResult, withRows: Bool) -> JSONValue {
    var members = [
      JSONMember("file", .string(result.file)), JSONMember("line", .int(result.line)),
      JSONMember("name", .string(result.name)), JSONMember("passed", .bool(result.hasPassed)),
      JSONMember("failures", .array(result.failures.map { json($0) })),
    ]
    if withRows {
      members.append(
        JSONMember(
          "tables", .object(result.tables.map { JSONMember($0.name, rows(of: $0)) })))
    }
    return .object(members)
  }

  private static func json(_ failure: TestFailure) -> JSONValue {
    [
      "table": .string(failure.table), "line": .int(failure.line),
      "message": .string(failure.sentence),
      "differences": .array(
        failure.differences.map {
          ["column": .string($0.column), "expected": .string($0.expected),
            "found": .string($0.found)]
        }),
      "rows": .array(failure.rows.map { .string($0) }),
    ]
  }

  private static func rows(of table: TrialTable) -> JSONValue {
    .array(
      table.rows.map { row in
        .object(zip(table.columns, row).map { JSONMember($0, $1.json) })
      })
  }

  // MARK: - JUnit

  /// The XML that CI systems read as JUnit's: a suite a file.
  var junit: String {
    var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    text += "<testsuites tests=\"\(results.count)\" failures=\"\(failedCount)\">\n"
    var files: [String] = []
    for result in results where !files.contains(result.file) { files.append(result.file) }
    for file in files {
      let own = results.filter { $0.file == file }
      text += "  <testsuite name=\"\(Self.escaped(file))\" tests=\"\(own.count)\" "
      text += "failures=\"\(own.count { !$0.hasPassed })\" errors=\"0\" skipped=\"0\">\n"
      for result in own { text += Self.junit(result) }
      text += "  </testsuite>\n"
    }
    return text + "</testsuites>\n"
  }

  private static func junit(_ result: TestResult) -> String {
    let head =
      "    <testcase name=\"\(escaped(result.name))\" classname=\"\(escaped(result.file))\""
    guard let first = result.failures.first else { return head + "/>\n" }
    let message = escaped("\(first.table): \(first.sentence)")
    let lines = result.failures.flatMap { Self.lines($0, of: result) }.joined(separator: "\n")
    return head + ">\n      <failure message=\"\(message)\">\(escaped(lines))</failure>\n"
      + "    </testcase>\n"
  }

  /// For texts and attributes; XML 1.0 has no place for most control characters.
  private static func escaped(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "\n", "\t": escaped.unicodeScalars.append(scalar)
      default: escaped += scalar.value < 0x20 || scalar.value >= 0xFFFE && scalar.value <= 0xFFFF
        ? "?" : String(scalar)
      }
    }
    return escaped
  }
}
