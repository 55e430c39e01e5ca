"""What a statement was answered."""
import wire


class Answer:
    def __init__(self, result):
        self.error = result[1] if result[0] == 'err' else None
        self.message = result[3] if result[0] == 'err' else ''
        self.affected, self.insert_id = result[1:3] if result[0] == 'ok' else (0, 0)
        self.warnings = result[4] if result[0] == 'ok' else result[3] if result[0] == 'rows' else 0
        self.status = result[3] if result[0] == 'ok' else result[4] if result[0] == 'rows' else None
        self.has_rows = result[0] == 'rows'
        self.packets = result[2] if result[0] == 'rows' else ()

    @property
    def rows(self):
        return [tuple(None if cell is None else cell.decode('latin-1') for cell in wire.cells(packet)) for packet in self.packets]

    def brief(self):
        return f'ERR {self.error} {self.message}' if self.error else f'{self.rows[:4]}' if self.has_rows else f'OK {self.affected} rows, id {self.insert_id}'
