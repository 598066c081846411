/// A first look into a file: its header, and which of its columns hold numbers.
enum CSVProbe {
  /// Rows looked at to tell numbers from words.
  static let rowCountMax = 1000

  /// The columns of a file, and the metrics chosen, by name.
  static func columns(
    of file: String, _ options: CSVOptions
  ) throws(ProduceError) -> (columns: CSVColumns, metrics: [CSVOptions.Metric]) {
    var reader = CSVReader(try ByteInput.open(file), delimiter: options.delimiter)
    guard try reader.next() else { throw .usage("\(file) is empty: its first line names columns") }
    let header = reader.fields.map { trimmed(reader.text[$0]) }
    var isNumeric = [Bool](repeating: true, count: header.count)
    if options.metrics.isEmpty {
      var rowCount = 0
      while rowCount < rowCountMax, try reader.next() {
        rowCount += 1
        guard reader.fields.count == header.count else { continue }
        for index in header.indices where isNumeric[index] {
          let reading = NumberText.read(reader.text, reader.fields[index])
          isNumeric[index] = reading != .unreadable
        }
      }
    }
    let columns = try CSVColumns(header: header, file: file, options: options) { isNumeric[$0] }
    let metrics = columns.metrics.map {
      CSVOptions.Metric(column: header[$0.column], name: $0.name)
    }
    return (columns, metrics)
  }

  /// A column's name without blanks around it.
  private static func trimmed(_ bytes: ArraySlice<UInt8>) -> String {
    var rest = bytes
    while rest.first == 0x20 || rest.first == 0x09 { rest.removeFirst() }
    while rest.last == 0x20 || rest.last == 0x09 { rest.removeLast() }
    return String(decoding: rest, as: UTF8.self)
  }
}
