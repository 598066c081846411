internal import Base

// Rules of tables against windows and lateness.

extension Configuration {
  /// Rows must not be gone as soon as they are written: a window is written once it is over, under
  /// the date of its start, and a late reading enters it, under the date of its own time.
  func checkTables(_ reading: Reading) {
    for name in tables.keeps.keys.sorted() {
      let path = "tables.\(name).keep"
      guard case .micros(let keep)? = tables.keeps[name], !reading.isFaulty(path),
        let longest = longestWindow(ofTable: name), keep < longest.micros
      else { continue }
      let least = (longest.micros + Default.days - 1) / Default.days
      reading.report(
        path,
        "\(DurationText.text(micros: keep)) is shorter than \(longest.about), for which rows may"
          + " still come: they would be gone as soon as they are written",
        suggestion: "keep at least \(least)d")
    }
  }

  /// For how long after its date a row of a table may come, and why; nil where nothing says so.
  private func longestWindow(ofTable name: String) -> (micros: Int64, about: String)? {
    let concerned: [Source]
    switch name {
    case TableKey.readings.rawValue:
      concerned = sources.filter { tables.keeps[TableKey.readingsPrefix + $0.name] == nil }
    case TableKey.windows.rawValue: concerned = sources
    default: concerned = sources.filter { TableKey.readingsPrefix + $0.name == name }
    }
    var longest: (micros: Int64, about: String)?
    for source in concerned {
      let time = source.eventTime
      let late = time.outOfOrdernessMicros + time.allowedLatenessMicros
      let window = windows.filter { window in window.sources.contains { $0.matches(source.name) } }
        .max { $0.sizeMicros < $1.sizeMicros }
      let micros = late + (window?.sizeMicros ?? 0)
      guard micros > longest?.micros ?? 0 else { continue }
      let lateness =
        "out_of_orderness and allowed_lateness, \(DurationText.text(micros: late)),"
        + " of the source `\(source.name)`"
      let about =
        window.map { "the window `\($0.name)`, \(DurationText.text(micros: $0.sizeMicros)), with " }
        ?? ""
      longest = (micros, about + lateness)
    }
    return longest
  }
}
