/// Bytes a second as people write them: `64MiB/s`.
enum RateText {
  static let example = "a rate such as 64MiB/s"

  static func byteCount(_ text: String) throws(ValueFault) -> Int64 {
    if text.hasSuffix("/s"), let count = try? ByteCountText.byteCount(String(text.dropLast(2))) {
      return count
    }
    let isSize = (try? ByteCountText.byteCount(text)) != nil
    throw ValueFault(
      "is not a rate; expected \(example)", suggestion: isSize ? "did you mean `\(text)/s`?" : nil)
  }

  static func text(byteCount: Int64) -> String { ByteCountText.text(byteCount: byteCount) + "/s" }
}
