import Base
import Telemetry

// Silence, by the partition's clock. In an event `value` and `score` are seconds of silence and
// `threshold` the detector's `after` in seconds; a summary's `value` is its number of devices.
extension PartitionDetectors {
  /// The row of a silent device, where that of limits has a row index: see `AnomalySubject`.
  private static let silenceRow: Int64 = -1

  // MARK: - The clock

  /// Takes the clock of a record. One that goes down was started anew, as a first one is: what was
  /// heard before is as old as the clock that now begins, and minutes are counted from there.
  mutating func moveClock(
    to clock: Int64, offset: Int64, _ vocabulary: borrowing Vocabulary,
    _ events: inout [AnomalyEvent]
  ) {
    if clock == EventTime.none || !EventTime.isSafe(clock) { return }
    if clockMicros == EventTime.none || clock < clockMicros {
      for watch in watches.indices {
        openSummary(watch, offset: offset, vocabulary, &events)
        watches[watch].minute = EventTime.none
        watches[watch].individualCount = 0
      }
      for device in devices.indices { devices[device].lastHeardClock = clock }
      nextSilenceCheckMicros = Int64.min
    }
    clockMicros = clock
  }

  /// Moves a device to the young end of the list.
  mutating func keepRecency(_ device: UInt32) {
    for watch in watches.indices where watches[watch].cursor == device {
      watches[watch].cursor = recency.next(after: device)
    }
    recency.append(device, to: .awake)
    for watch in watches.indices where watches[watch].cursor == SilenceWatch.noDevice {
      watches[watch].cursor = device
      if clockMicros == EventTime.none { continue }
      nextSilenceCheckMicros = min(
        nextSilenceCheckMicros, clockMicros + watches[watch].afterMicros)
    }
  }

  // MARK: - Falling silent

  /// Finds the devices that are due, and opens summaries whose minute is over.
  mutating func findSilentDevices(
    offset: Int64, _ vocabulary: borrowing Vocabulary, _ events: inout [AnomalyEvent]
  ) {
    guard clockMicros != EventTime.none else { return }
    var next = Int64.max
    for watch in watches.indices {
      while watches[watch].cursor != SilenceWatch.noDevice {
        let device = watches[watch].cursor
        let due = devices[Int(device)].lastHeardClock + watches[watch].afterMicros
        if due > clockMicros {
          next = min(next, due)
          break
        }
        watches[watch].cursor = recency.next(after: device)
        fallSilent(watch, device, due: due, offset: offset, vocabulary, &events)
      }
      if watches[watch].gathering == nil { continue }
      let end = watches[watch].minute + SilenceWatch.minuteMicros
      if end <= clockMicros {
        openSummary(watch, offset: offset, vocabulary, &events)
      } else {
        next = min(next, end)
      }
    }
    nextSilenceCheckMicros = next
  }

  private mutating func fallSilent(
    _ watch: Int, _ device: UInt32, due: Int64, offset: Int64,
    _ vocabulary: borrowing Vocabulary, _ events: inout [AnomalyEvent]
  ) {
    counts.silentDevices += 1
    let minute = Timestamp.floor(due, toMultipleOf: SilenceWatch.minuteMicros)
    // Due times ascend but where `after` was made shorter: such devices belong to the minute at
    // hand, so that minutes never go back.
    if minute > watches[watch].minute {
      openSummary(watch, offset: offset, vocabulary, &events)
      watches[watch].minute = minute
      watches[watch].individualCount = 0
    }
    if watches[watch].individualCount >= SilenceWatch.individualCountMax {
      let width = set.schema.attributes.count
      let first = Int(device) * width
      watches[watch].gather(device, due: due, attributes: attributes[first..<first + width])
      devices[Int(device)].silenceCount += 1
      return
    }
    watches[watch].individualCount += 1
    let definition = watches[watch].definition
    var slot = ActiveSlot(
      key: ActiveSlot.Key(metric: WordTable.none, definition: UInt32(definition)))
    slot.severity = .warning
    slot.openingOffset = offset
    slot.since = devices[Int(device)].lastHeardClock
    let newest = devices[Int(device)].newest
    let finding = silenceFinding(
      slot, device, .opened, after: watches[watch].afterMicros, ending: nil,
      eventTime: newest == EventTime.none ? clockMicros : newest, offset: offset)
    let opened = open(finding, row: Self.silenceRow, vocabulary, &events)
    guard let id = opened else { return }
    slot.id = id
    slot.told.take(finding)
    let (index, exists) = slots[Int(device)].find(slot.key)
    precondition(!exists, "a silent device falls silent again only after it was heard")
    slots[Int(device)].insert(slot, at: index)
    devices[Int(device)].silenceCount += 1
  }

  private func silenceFinding(
    _ slot: ActiveSlot, _ device: UInt32, _ state: AnomalyEvent.State, after: Int64,
    ending: String?, eventTime: Int64, offset: Int64
  ) -> Finding {
    // A clock that was started anew may lie before.
    let (span, overflow) = clockMicros.subtractingReportingOverflow(slot.since)
    let seconds = overflow ? 0 : Double(max(span, 0)) / 1e6
    var evidence = Self.silenceEvidence(slot)
    evidence.append(JSONMember("silent_seconds", .number(seconds)))
    evidence.append(JSONMember("clock", .time(clockMicros)))
    if let ending { evidence.append(JSONMember("ended", .string(ending))) }
    return Finding(
      device: device, metric: nil, definition: Int(slot.key.definition), severity: .warning,
      state: state, eventTime: eventTime, value: seconds, expected: nil, score: seconds,
      threshold: Double(after) / 1e6, evidence: .object(evidence), offset: offset, id: slot.id)
  }

  /// What is known of a silence without the clock.
  static func silenceEvidence(_ slot: ActiveSlot) -> [JSONMember] {
    [JSONMember("kind", "silence"), JSONMember("last_heard", .time(slot.since))]
  }

  // MARK: - Being back

  /// A silent device has sent a record: closes its anomalies, or takes it out of its summaries.
  mutating func hearAgain(
    _ device: UInt32, _ state: inout DeviceState, offset: Int64, eventTime: Int64,
    _ vocabulary: borrowing Vocabulary, _ events: inout [AnomalyEvent]
  ) {
    let time = eventTime == EventTime.none ? clockMicros : eventTime
    for watch in watches.indices {
      let definition = UInt32(watches[watch].definition)
      let key = ActiveSlot.Key(metric: WordTable.none, definition: definition)
      let (index, exists) = slots[Int(device)].find(key)
      if exists {
        let slot = slots[Int(device)][index]
        slots[Int(device)].remove(at: index)
        state.silenceCount -= 1
        close(
          silenceFinding(
            slot, device, .closed, after: watches[watch].afterMicros, ending: "heard again",
            eventTime: time, offset: offset),
          vocabulary, &events)
      }
      guard let number = watches[watch].summary(ofDevice: device) else { continue }
      watches[watch].summaryOfDevice[Int(device)] = SilenceWatch.noSummary
      state.silenceCount -= 1
      watches[watch].summaries[number]?.silentCount -= 1
      closeSummaryIfComplete(watch, number, offset: offset, vocabulary, &events)
    }
  }

  // MARK: - Summaries

  /// Opens the summary of the minute at hand, if there is one.
  mutating func openSummary(
    _ watch: Int, offset: Int64, _ vocabulary: borrowing Vocabulary,
    _ events: inout [AnomalyEvent]
  ) {
    guard let number = watches[watch].gathering, var summary = watches[watch].summaries[number]
    else { return }
    watches[watch].gathering = nil
    let finding = summaryFinding(
      watch, summary, .opened, evidence: openingEvidence(summary, vocabulary),
      eventTime: summary.firstDue, offset: offset)
    let opened = open(
      finding, kind: .summary, row: summary.minute, refusedCount: summary.deviceCount,
      vocabulary, &events)
    summary.phase = opened == nil ? .refused : .open
    summary.id = opened ?? 0
    summary.openingOffset = offset
    summary.attributeCounts = []
    summary.examples = []
    watches[watch].summaries[number] = summary
    closeSummaryIfComplete(watch, number, offset: offset, vocabulary, &events)
  }

  /// Closes a summary all of whose devices are back, unless its minute is not over.
  private mutating func closeSummaryIfComplete(
    _ watch: Int, _ number: Int, offset: Int64, _ vocabulary: borrowing Vocabulary,
    _ events: inout [AnomalyEvent]
  ) {
    guard let summary = watches[watch].summaries[number], summary.silentCount == 0,
      summary.phase != .gathering
    else { return }
    watches[watch].removeSummary(number)
    if summary.phase == .refused { return }
    closeSummary(watch, summary, ending: "all heard again", offset: offset, vocabulary, &events)
  }

  /// Emits the closing row of a summary.
  mutating func closeSummary(
    _ watch: Int, _ summary: SilenceSummary, ending: String, offset: Int64,
    _ vocabulary: borrowing Vocabulary, _ events: inout [AnomalyEvent]
  ) {
    var evidence = Self.summaryEvidence(summary)
    evidence.append(JSONMember("still_silent", .int(summary.silentCount)))
    evidence.append(JSONMember("clock", .time(clockMicros)))
    evidence.append(JSONMember("ended", .string(ending)))
    close(
      summaryFinding(
        watch, summary, .closed, evidence: evidence, eventTime: clockMicros, offset: offset),
      vocabulary, &events)
  }

  private func summaryFinding(
    _ watch: Int, _ summary: SilenceSummary, _ state: AnomalyEvent.State,
    evidence: [JSONMember], eventTime: Int64, offset: Int64
  ) -> Finding {
    Finding(
      device: WordTable.none, metric: nil, definition: watches[watch].definition,
      severity: .warning, state: state, eventTime: eventTime, value: Double(summary.deviceCount),
      expected: nil, score: nil, threshold: Double(watches[watch].afterMicros) / 1e6,
      evidence: .object(evidence), offset: offset, id: summary.id)
  }

  static func summaryEvidence(_ summary: SilenceSummary) -> [JSONMember] {
    [
      JSONMember("kind", "silence_summary"), JSONMember("devices", .int(summary.deviceCount)),
      JSONMember("first_due", .time(summary.firstDue)),
      JSONMember("last_due", .time(summary.lastDue)),
    ]
  }

  private func openingEvidence(
    _ summary: SilenceSummary, _ vocabulary: borrowing Vocabulary
  ) -> [JSONMember] {
    var evidence = Self.summaryEvidence(summary)
    var examples: [JSONValue] = []
    for device in summary.examples {
      examples.append(.string(String(decoding: deviceWord(device, vocabulary), as: UTF8.self)))
    }
    evidence.append(JSONMember("examples", .array(examples)))
    var attributes: [JSONMember] = []
    for (column, name) in set.schema.attributes.enumerated() {
      var values: [(word: [UInt8], count: Int)] = []
      for (word, count) in summary.attributeCounts[column] where word != WordTable.none {
        values.append((attributeWord(word, column: column, vocabulary), count))
      }
      // The dictionary's order is chance: the words decide.
      values.sort { left, right in
        left.count != right.count
          ? left.count > right.count : left.word.lexicographicallyPrecedes(right.word)
      }
      let frequent = values.prefix(SilenceSummary.attributeValueCountMax).map {
        JSONMember(String(decoding: $0.word, as: UTF8.self), .int($0.count))
      }
      attributes.append(JSONMember(name, .object(frequent)))
    }
    evidence.append(JSONMember("attributes", .object(attributes)))
    return evidence
  }
}
