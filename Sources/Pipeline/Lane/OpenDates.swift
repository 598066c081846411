import Base

/// The distinct event dates seen since the last cut: each is a file in the commit, so their number
/// is bounded while old data is caught up with.
struct OpenDates {
  private var days: Set<Int32> = []
  private var lastDay: Int32?

  var count: Int { days.count }

  /// Notes the dates of `eventTimes[first...]`. Neighbours mostly share a date, which costs one
  /// comparison.
  mutating func add(_ eventTimes: [Int64], from first: Int) {
    guard first < eventTimes.count else { return }
    var dayStart: Int64 = 0
    var dayEnd: Int64 = -1
    for index in first..<eventTimes.count {
      let time = eventTimes[index]
      if time >= dayStart && time < dayEnd { continue }
      let day = Timestamp.day(ofMicros: time)
      dayStart = Int64(day) &* Timestamp.microsPerDay
      dayEnd = dayStart &+ Timestamp.microsPerDay
      if day != lastDay {
        lastDay = day
        days.insert(day)
      }
    }
  }

  mutating func removeAll() {
    days.removeAll(keepingCapacity: true)
    lastDay = nil
  }
}
