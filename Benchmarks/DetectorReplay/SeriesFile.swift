import Glibc

/// A CSV file without a header: `series,time_micros,value`.
struct SeriesFile {
  struct Fault: Error, CustomStringConvertible {
    let description: String
  }

  let path: String

  /// Calls `body` for each line in order. Cost: one line in memory.
  func forEachLine(_ body: (_ series: String, _ time: Int64, _ value: Double) -> Void) throws {
    guard let file = unsafe fopen(path, "r") else {
      throw Fault(description: "cannot open \(path)")
    }
    defer { unsafe fclose(file) }
    var line: UnsafeMutablePointer<CChar>?
    var capacity = 0
    defer { unsafe free(line) }
    var number = 0
    while true {
      let byteCount = unsafe getline(&line, &capacity, file)
      guard byteCount > 0, let start = unsafe line else { break }
      number += 1
      let bytes = unsafe UnsafeBufferPointer(start: start, count: byteCount)
      let text = unsafe String(decoding: UnsafeRawBufferPointer(bytes), as: UTF8.self)
      let fields = text.split(separator: ",", omittingEmptySubsequences: false)
      guard fields.count == 3, let time = Int64(fields[1]),
        let value = Double(fields[2].prefix { $0 != "\n" && $0 != "\r\n" })
      else { throw Fault(description: "\(path):\(number): not series,time_micros,value") }
      body(String(fields[0]), time, value)
    }
  }
}
