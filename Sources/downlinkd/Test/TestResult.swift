import Pipeline

/// Something that is not as a test expects it.
struct TestFailure: Equatable {
  struct Difference: Equatable {
    let column: String
    let expected: String
    let found: String
  }

  /// The word of the fixture: `readings`.
  let table: String
  /// Where the fixture expects it.
  let line: Int
  var sentence: String
  /// Of the nearest row, in the order of the expected columns.
  var differences: [Difference]
  /// Rows that are shown with it.
  var rows: [String] = []
}

/// What a test came to.
struct TestResult {
  let file: String
  let line: Int
  let name: String
  let failures: [TestFailure]
  let tables: [TrialTable]

  var hasPassed: Bool { failures.isEmpty }
}
