/// What `produce` made of the rows it read: nothing is left out unsaid.
struct CSVTally: Equatable {
  enum RowFault: String, CaseIterable {
    case malformed = "another number of fields than the header, or text after a closing quote"
    case device = "no device, or one that is not UTF-8"
    case time = "the time cannot be read; is it ISO 8601 with offset, or a count (--time-unit)?"
    case timeBefore1970 = "the time is not after 1970"
  }

  private struct Left: Equatable {
    var count = 0
    /// `file:line`
    var first = ""
  }

  /// Without headers and empty lines.
  var rowCount = 0
  /// Cells of metric columns looked at.
  var valueCount = 0
  var missingValueCount = 0
  /// Records not made because no row of theirs had a value.
  var emptyRecordCount = 0
  /// Times cut to the milliseconds of a DeviceTelemetry.
  var shortenedTimeCount = 0
  private var leftOut: [RowFault: Left] = [:]
  private var unreadableValues = Left()

  var unreadableValueCount: Int { unreadableValues.count }
  func leftOutCount(_ fault: RowFault) -> Int { leftOut[fault]?.count ?? 0 }

  mutating func leaveOut(_ fault: RowFault, file: String, line: Int) {
    var left = leftOut[fault] ?? Left(first: "\(file):\(line)")
    left.count += 1
    leftOut[fault] = left
  }

  mutating func noteUnreadableValue(file: String, line: Int) {
    if unreadableValues.count == 0 { unreadableValues.first = "\(file):\(line)" }
    unreadableValues.count += 1
  }

  func notes(fileCount: Int, deviceCount: Int) -> [String] {
    var notes = [
      "\(Figure.count(rowCount, "row")) of \(Figure.count(fileCount, "file")), "
        + "\(Figure.count(deviceCount, "device")), \(Figure.count(valueCount, "value")) of which "
        + "\(Figure.count(missingValueCount)) missing"
    ]
    if unreadableValues.count > 0 {
      notes.append(
        "\(Figure.count(unreadableValues.count, "value")) left out: no finite decimal number "
          + "(first: \(unreadableValues.first))")
    }
    for fault in RowFault.allCases {
      guard let left = leftOut[fault] else { continue }
      notes.append(
        "\(Figure.count(left.count, "row")) left out: \(fault.rawValue) (first: \(left.first))")
    }
    if emptyRecordCount > 0 {
      notes.append("\(Figure.count(emptyRecordCount, "record")) not made: no value in their rows")
    }
    if shortenedTimeCount > 0 {
      notes.append(
        "\(Figure.count(shortenedTimeCount, "time")) cut to milliseconds: a DeviceTelemetry has no "
          + "finer ones")
    }
    return notes
  }
}
