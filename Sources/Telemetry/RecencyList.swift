/// Devices in the order of their last record, as two queues over one pair of link columns: those
/// that are awake and, after them in age, those that went idle. Oldest first; every step is O(1).
/// What idle means is the owner's affair: windows and detectors each keep a list of their own.
///
/// **Invariants:** a device is in at most one queue. Every idle device's last record is older than
/// that of every awake one, so idle queue then awake queue is the order of all last records.
package struct RecencyList: Sendable {
  /// Which of the two a device is in.
  package enum Queue: Int, Sendable { case awake, idle }

  private struct Links {
    var older = RecencyList.none
    var newer = RecencyList.none
    /// `Queue.rawValue`, or `inNoQueue`.
    var queue = RecencyList.inNoQueue
  }

  /// No device.
  package static let none = UInt32.max
  private static let inNoQueue: UInt32 = 2

  package init() {}

  private var links: [Links] = []
  private var oldest: InlineArray<2, UInt32> = [RecencyList.none, RecencyList.none]
  private var newest: InlineArray<2, UInt32> = [RecencyList.none, RecencyList.none]

  /// Bytes a device takes.
  package static let bytesPerDevice = 12

  package var byteCount: Int { links.count * Self.bytesPerDevice }

  /// Makes room for devices below `count`.
  package mutating func grow(to count: Int) {
    while links.count < count { links.append(Links()) }
  }

  /// The device longest without a record in that queue, or `none`.
  package func oldest(in queue: Queue) -> UInt32 { oldest[queue.rawValue] }

  /// The next younger device of the same queue, or `none`.
  package func next(after device: UInt32) -> UInt32 { links[Int(device)].newer }

  /// Whether the device is in that queue.
  package func isIn(_ queue: Queue, _ device: UInt32) -> Bool {
    links[Int(device)].queue == UInt32(queue.rawValue)
  }

  /// Moves a device to the young end of a queue.
  package mutating func append(_ device: UInt32, to queue: Queue) {
    let index = queue.rawValue
    if newest[index] == device { return }
    remove(device)
    let neighbour = newest[index]
    links[Int(device)] = Links(older: neighbour, newer: Self.none, queue: UInt32(index))
    if neighbour == Self.none {
      oldest[index] = device
    } else {
      links[Int(neighbour)].newer = device
    }
    newest[index] = device
  }

  /// Takes a device out of its queue, if it is in one.
  package mutating func remove(_ device: UInt32) {
    let link = links[Int(device)]
    if link.queue == Self.inNoQueue { return }
    if link.older == Self.none {
      oldest[Int(link.queue)] = link.newer
    } else {
      links[Int(link.older)].newer = link.newer
    }
    if link.newer == Self.none {
      newest[Int(link.queue)] = link.older
    } else {
      links[Int(link.newer)].older = link.older
    }
    links[Int(device)] = Links()
  }

  /// The devices of a queue, oldest first.
  package func devices(in queue: Queue) -> [UInt32] {
    var devices: [UInt32] = []
    var device = oldest(in: queue)
    while device != Self.none {
      devices.append(device)
      device = next(after: device)
    }
    return devices
  }
}
