class Account:
    def __init__(self):
        self.postings = []
        self.balance = 0
        self.highest = 0

    def post(self, amount):
        self.postings.append(amount)
        self.balance += amount
        self.highest = max(self.highest, self.balance)
