/// What `produce` is to make of rows of text.
struct CSVOptions: Sendable {
  enum MessageForm: String, CaseIterable, Sendable { case batch, wide }

  /// When a device's collected rows become a record.
  enum RecordRule: Equatable, Sendable {
    /// After so many rows; 1 makes each row a record.
    case rows(Int)
    /// When the UTC day of the device's event time changes.
    case deviceDay
    /// At the end of the file.
    case file
  }

  enum Attribute: String, CaseIterable, Sendable { case region, firmware, model }

  struct Metric: Equatable, Sendable {
    var column: String
    /// The metric's name in the message.
    var name: String
  }

  var files: [String]
  var delimiter = UInt8(ascii: ",")
  var deviceColumn: String
  var timeColumn: String
  var time = TimeText(unit: nil, assumesUTC: false)
  /// Empty: every numeric column that is nothing else.
  var metrics: [Metric] = []
  var attributeColumns: [(column: String, attribute: Attribute)] = []
  var fixedAttributes: [(attribute: Attribute, value: String)] = []
  var form = MessageForm.batch
  var rule = RecordRule.rows(1)
  /// A record is sent early when its payload would grow beyond this; below the million bytes that
  /// brokers accept by default.
  var payloadByteCountMax = 900_000

  init(files: [String], deviceColumn: String, timeColumn: String) {
    self.files = files
    self.deviceColumn = deviceColumn
    self.timeColumn = timeColumn
  }
}
