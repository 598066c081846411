/// Devices in the order of their last record, as two queues over one pair of link columns: those
/// that are awake and, after them in age, those that went idle. Oldest first; every step is O(1).
///
/// **Invariants:** a device is in at most one queue. Every idle device's last record is older than
/// that of every awake one, so idle queue then awake queue is the order of all last records.
struct RecencyList {
  enum Queue: Int { case awake, idle }

  static let none = UInt32.max
  private static let inNoQueue: UInt8 = 2

  private var older: [UInt32] = []
  private var newer: [UInt32] = []
  private var queues: [UInt8] = []
  private var oldest: [UInt32] = [RecencyList.none, RecencyList.none]
  private var newest: [UInt32] = [RecencyList.none, RecencyList.none]

  var byteCount: Int { older.count * 9 }

  /// Makes room for devices below `count`.
  mutating func grow(to count: Int) {
    while older.count < count {
      older.append(Self.none)
      newer.append(Self.none)
      queues.append(Self.inNoQueue)
    }
  }

  /// The device longest without a record in that queue, or `none`.
  func oldest(in queue: Queue) -> UInt32 { oldest[queue.rawValue] }

  /// The next younger device of the same queue, or `none`.
  func next(after device: UInt32) -> UInt32 { newer[Int(device)] }

  func isIn(_ queue: Queue, _ device: UInt32) -> Bool {
    queues[Int(device)] == UInt8(queue.rawValue)
  }

  /// Moves a device to the young end of a queue.
  mutating func append(_ device: UInt32, to queue: Queue) {
    let index = queue.rawValue
    if newest[index] == device { return }
    remove(device)
    let neighbour = newest[index]
    older[Int(device)] = neighbour
    newer[Int(device)] = Self.none
    queues[Int(device)] = UInt8(index)
    if neighbour == Self.none { oldest[index] = device } else { newer[Int(neighbour)] = device }
    newest[index] = device
  }

  /// Takes a device out of its queue, if it is in one.
  mutating func remove(_ device: UInt32) {
    let queue = queues[Int(device)]
    if queue == Self.inNoQueue { return }
    let (before, after) = (older[Int(device)], newer[Int(device)])
    if before == Self.none { oldest[Int(queue)] = after } else { newer[Int(before)] = after }
    if after == Self.none { newest[Int(queue)] = before } else { older[Int(after)] = before }
    queues[Int(device)] = Self.inNoQueue
  }

  /// The devices of a queue, oldest first.
  func devices(in queue: Queue) -> [UInt32] {
    var devices: [UInt32] = []
    var device = oldest(in: queue)
    while device != Self.none {
      devices.append(device)
      device = next(after: device)
    }
    return devices
  }
}
