"""What every message looks like: its number, its text fields by server version, its protobuf message.

A layout is a line of tokens `name[:default][>=version][<version]`. Names are those of the protobuf messages, with the
sub-message in front (`contract.symbol`), so one dictionary of values serves both encodings. A name that never has a
value (`version:1`) is written as its default. `U` stands for the gateway's unset double.

Sources: IBKR TWS API (public client packages), checked against their decoders and against frames of a real gateway.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

UNSET_DOUBLE = "1.7976931348623157E308"
UNSET_INTEGER = "2147483647"
RAW_INT_IDS = 201  # from this server version on a frame begins with a 4-byte id
PROTOBUF_OFFSET = 200


@dataclass(frozen=True, slots=True)
class Token:
    name: str
    default: str
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Layout:
    kind: str
    number: int
    protobuf_since: int
    protobuf: str
    tokens: tuple[Token, ...]

    def at(self, version: int) -> tuple[Token, ...]:
        return _at(self, version)


@lru_cache(maxsize=1024)
def _at(layout: Layout, version: int) -> tuple[Token, ...]:
    return tuple(token for token in layout.tokens if token.since <= version < token.until)


_TOKEN = re.compile(r"(?P<name>[\w.]+)(:(?P<default>[^<>]*))?(>=(?P<since>\d+))?(<(?P<until>\d+))?")


def _token(word: str) -> Token:
    match = _TOKEN.fullmatch(word)
    if match is None:
        raise ValueError(f"not a layout token: {word}")
    default = match["default"] or ""
    return Token(
        match["name"],
        UNSET_DOUBLE if default == "U" else default,
        int(match["since"] or 0),
        int(match["until"] or 10_000),
    )


def _layouts(table: str) -> dict[str, Layout]:
    """Lines `kind number protobuf-since ProtobufMessage | tokens`; an indented line continues the one above."""
    layouts = {}
    for line in table.strip().replace("\n    ", " ").splitlines():
        head, _, body = line.partition("|")
        kind, number, since, message = head.split()
        layouts[kind] = Layout(kind, int(number), int(since), message, tuple(map(_token, body.split())))
    return layouts


_STOCK = (
    "contract.conId:0 contract.symbol contract.secType contract.lastTradeDateOrContractMonth contract.strike:0.0 "
    "contract.right contract.multiplier"
)
_POSITION = f"{_STOCK} contract.exchange contract.currency contract.localSymbol contract.tradingClass"
_ORDERED = _POSITION.replace("contract.right", "contract.right:?")  # as real gateways write a stock's
_WANTED = (
    f"{_STOCK} contract.exchange contract.primaryExch contract.currency contract.localSymbol contract.tradingClass"
)

_ORDER_HEAD = """
    order.action order.totalQuantity order.orderType order.lmtPrice:0.0 order.auxPrice:0.0 order.tif order.ocaGroup
    order.account order.openClose order.origin:0 order.orderRef"""
_DELTA_NEUTRAL_OPEN = """
    order.deltaNeutralOrderType:None order.deltaNeutralAuxPrice order.deltaNeutralConId:0
    order.deltaNeutralSettlingFirm order.deltaNeutralClearingAccount order.deltaNeutralClearingIntent
    order.deltaNeutralOpenClose:? order.deltaNeutralShortSale:0 order.deltaNeutralShortSaleSlot:0
    order.deltaNeutralDesignatedLocation"""
_MARGINS = " ".join(
    f"orderState.{name}{{suffix}}:U{{gate}}"
    for name in (
        "initMarginBefore",
        "maintMarginBefore",
        "equityWithLoanBefore",
        "initMarginChange",
        "maintMarginChange",
        "equityWithLoanChange",
        "initMarginAfter",
        "maintMarginAfter",
        "equityWithLoanAfter",
    )
)

# A real gateway sends the delta-neutral type "None", and then its eight fields: 155 fields at version 200.
_OPEN_ORDER = f"""openOrder 5 203 OpenOrder | orderId {_ORDERED} {_ORDER_HEAD}
    order.clientId:0 order.permId:0 order.outsideRth:0 order.hidden:0 order.discretionaryAmt:0 order.goodAfterTime
    sharesAllocation order.faGroup order.faMethod order.faPercentage faProfile<177 order.modelCode order.goodTillDate
    order.rule80A order.percentOffset order.settlingFirm order.shortSaleSlot:0 order.designatedLocation
    order.exemptCode:-1 auctionStrategy:0 order.startingPrice order.stockRefPrice order.delta order.stockRangeLower
    order.stockRangeUpper order.displaySize:2147483647 order.blockOrder:0 order.sweepToFill:0 order.allOrNone:0
    order.minQty order.ocaType:3 eTradeOnly:0 firmQuoteOnly:0 nbboPriceCap order.parentId:0 order.triggerMethod:0
    order.volatility order.volatilityType:0 {_DELTA_NEUTRAL_OPEN} order.continuousUpdate:0 order.referencePriceType:0
    order.trailStopPrice order.trailingPercent basisPoints basisPointsType contract.comboLegsDescrip comboLegs:0
    orderComboLegs:0 smartComboRoutingParams:0 order.scaleInitLevelSize:2147483647
    order.scaleSubsLevelSize:2147483647 order.scalePriceIncrement order.hedgeType order.optOutSmartRouting:0
    order.clearingAccount order.clearingIntent:IB order.notHeld:0 deltaNeutralContract:0 order.algoStrategy
    order.solicited:0 order.whatIf:0 orderState.status {_MARGINS.format(suffix="", gate="")}
    orderState.commissionAndFees orderState.minCommissionAndFees orderState.maxCommissionAndFees
    orderState.commissionAndFeesCurrency orderState.marginCurrency>=195
    {_MARGINS.format(suffix="OutsideRTH", gate=">=195")} orderState.suggestedSize:-9223372036854775808>=195
    orderState.rejectReason>=195 orderAllocations:0>=195 orderState.warningText order.randomizeSize:0
    order.randomizePrice:0 conditions:0 order.adjustedOrderType:None order.triggerPrice:U adjustedTrailStopPrice:U
    order.lmtPriceOffset:U order.adjustedStopPrice:U order.adjustedStopLimitPrice:U order.adjustedTrailingAmount:U
    order.adjustableTrailingUnit:0 softTierName softTierValue softTierDisplayName order.cashQty:0
    order.dontUseAutoPriceForHedge:1 order.isOmsContainer:0 order.discretionaryUpToLimitPrice:0>=148
    order.usePriceMgmtAlgo:0>=151 order.duration>=158 order.postToAts>=160 order.autoCancelParent:0>=162
    order.minTradeQty>=170 order.minCompeteSize:100>=170 order.competeAgainstBestOffset:0.02>=170
    order.midOffsetAtWhole>=170 order.midOffsetAtHalf>=170 order.customerAccount>=183 order.professionalCustomer:0>=184
    order.bondAccruedInterest>=185 order.includeOvernight:0>=189 order.extOperator>=193
    order.manualOrderIndicator:0>=193 order.submitter>=198 order.imbalanceOnly:0>=199"""

_COMPLETED_ORDER = f"""completedOrder 101 204 CompletedOrder | {_ORDERED} {_ORDER_HEAD}
    order.permId:0 order.outsideRth:0 order.hidden:0 order.discretionaryAmt:0 order.goodAfterTime order.faGroup
    order.faMethod order.faPercentage faProfile<177 order.modelCode order.goodTillDate order.rule80A
    order.percentOffset order.settlingFirm order.shortSaleSlot:0 order.designatedLocation order.exemptCode:-1
    order.startingPrice order.stockRefPrice order.delta order.stockRangeLower order.stockRangeUpper
    order.displaySize:2147483647 order.sweepToFill:0 order.allOrNone:0 order.minQty order.ocaType:3
    order.triggerMethod:0 order.volatility order.volatilityType:0 order.deltaNeutralOrderType:None
    order.deltaNeutralAuxPrice order.deltaNeutralConId:0 order.deltaNeutralShortSale:0
    order.deltaNeutralShortSaleSlot:0 order.deltaNeutralDesignatedLocation order.continuousUpdate:0
    order.referencePriceType:0 order.trailStopPrice order.trailingPercent contract.comboLegsDescrip comboLegs:0
    orderComboLegs:0 smartComboRoutingParams:0 order.scaleInitLevelSize:2147483647
    order.scaleSubsLevelSize:2147483647 order.scalePriceIncrement order.hedgeType order.clearingAccount
    order.clearingIntent:IB order.notHeld:0 deltaNeutralContract:0 order.algoStrategy order.solicited:0
    orderState.status order.randomizeSize:0 order.randomizePrice:0 conditions:0 adjustedTrailStopPrice:U
    order.lmtPriceOffset:U order.cashQty:0 order.dontUseAutoPriceForHedge:1 order.isOmsContainer:0 order.autoCancelDate
    order.filledQuantity:0 order.refFuturesConId:0 order.autoCancelParent:0 order.shareholder order.imbalanceOnly:0
    order.routeMarketableToBbo:0 order.parentPermId:0 orderState.completedTime orderState.completedStatus
    order.minTradeQty>=170 order.minCompeteSize:100>=170 order.competeAgainstBestOffset:0.02>=170
    order.midOffsetAtWhole>=170 order.midOffsetAtHalf>=170 order.customerAccount>=183 order.professionalCustomer:0>=184
    order.submitter>=198"""

_CONTRACT_DETAILS = """contractDetails 10 205 ContractData | version:8<164 reqId contract.symbol contract.secType
    contract.lastTradeDateOrContractMonth contract.lastTradeDate>=182 contract.strike:0 contract.right
    contract.exchange contract.currency contract.localSymbol contractDetails.marketName contract.tradingClass
    contract.conId:0 contractDetails.minTick mdSizeMultiplier:100<164 contract.multiplier contractDetails.orderTypes
    contractDetails.validExchanges contractDetails.priceMagnifier:1 contractDetails.underConId:0
    contractDetails.longName contract.primaryExch contractDetails.contractMonth contractDetails.industry
    contractDetails.category contractDetails.subcategory contractDetails.timeZoneId contractDetails.tradingHours
    contractDetails.liquidHours contractDetails.evRule contractDetails.evMultiplier:0 secIdList:0
    contractDetails.aggGroup:1 contractDetails.underSymbol contractDetails.underSecType contractDetails.marketRuleIds
    contractDetails.realExpirationDate contractDetails.stockType>=152 sizeMinTick:1>=163<164
    contractDetails.minSize:0.0001>=164 contractDetails.sizeIncrement:0.0001>=164
    contractDetails.suggestedSizeIncrement:100>=164 ineligibilityReasons:0>=186"""

_EXECUTION = f"""execDetails 11 201 ExecutionDetails | reqId:-1 execution.orderId:0 {_POSITION} execution.execId
    execution.time execution.acctNumber execution.exchange execution.side execution.shares execution.price
    execution.permId:0 execution.clientId:0 liquidation:0 execution.cumQty execution.avgPrice execution.orderRef
    execution.evRule execution.evMultiplier execution.modelCode execution.lastLiquidity:2
    pendingPriceRevision:0>=178 execution.submitter>=198"""

INCOMING = _layouts(f"""
tickPrice 1 206 TickPrice | version:6 reqId tickType price size attrMask:0
tickSize 2 206 TickSize | version:6 reqId tickType size
orderStatus 3 203 OrderStatus | orderId status filled:0 remaining:0 avgFillPrice:0 permId:0 parentId:0 lastFillPrice:0
    clientId:0 whyHeld mktCapPrice:0
error 4 203 ErrorMessage | version:2<194 id errorCode errorMsg advancedOrderRejectJson>=166 errorTime>=194
accountValue 6 207 AccountValue | version:2 key value currency accountName
portfolioValue 7 207 PortfolioValue | version:8 {_POSITION.replace("exchange", "primaryExch")} position marketPrice
    marketValue averageCost unrealizedPNL realizedPNL accountName
accountUpdateTime 8 207 AccountUpdateTime | version:1 timeStamp
nextValidId 9 213 NextValidId | version:1 orderId
managedAccounts 15 207 ManagedAccounts | version:1 accountsList
currentTime 49 213 CurrentTime | version:1 currentTime
contractDetailsEnd 52 205 ContractDataEnd | version:1 reqId
openOrderEnd 53 204 OpenOrdersEnd | version:1
accountDownloadEnd 54 207 AccountDataEnd | version:1 accountName
execDetailsEnd 55 201 ExecutionDetailsEnd | version:1 reqId
tickSnapshotEnd 57 206 TickSnapshotEnd | version:1 reqId
marketDataType 58 206 MarketDataType | version:1 reqId marketDataType
commissionReport 59 203 CommissionAndFeesReport | version:1 execId commissionAndFees currency realizedPNL:U bondYield:U
    yieldRedemptionDate
position 61 207 Position | version:3 account {_POSITION} position avgCost
positionEnd 62 207 PositionEnd | version:1
accountSummary 63 207 AccountSummary | version:1 reqId account tag value currency
accountSummaryEnd 64 207 AccountSummaryEnd | version:1 reqId
positionMulti 71 207 PositionMulti | version:1 reqId account {_POSITION} position avgCost modelCode
positionMultiEnd 72 207 PositionMultiEnd | version:1 reqId
accountUpdateMulti 73 10000 none | version:1 reqId account modelCode key value currency
accountUpdateMultiEnd 74 10000 none | version:1 reqId
tickString 46 206 TickString | version:6 reqId tickType value
historicalData 17 208 HistoricalData | reqId startDateStr<196 endDateStr<196 itemCount:0
historicalDataEnd 108 208 HistoricalDataEnd | reqId startDateStr endDateStr
tickReqParams 81 206 TickReqParams | reqId minTick bboExchange snapshotPermissions:3
completedOrdersEnd 102 204 CompletedOrdersEnd |
currentTimeInMillis 109 213 CurrentTimeInMillis | currentTimeInMillis
{_EXECUTION}
{_CONTRACT_DETAILS}
{_OPEN_ORDER}
{_COMPLETED_ORDER}
""")

# Fields that a filled-in delta-neutral type, scale increment, hedge type and so on would add are read by `text`.
_PLACE_ORDER = f"""placeOrder 3 203 PlaceOrderRequest | orderId {_WANTED} contract.secIdType contract.secId
    order.action order.totalQuantity order.orderType order.lmtPrice order.auxPrice order.tif order.ocaGroup
    order.account order.openClose order.origin order.orderRef order.transmit order.parentId order.blockOrder
    order.sweepToFill order.displaySize order.triggerMethod order.outsideRth order.hidden sharesAllocation
    order.discretionaryAmt order.goodAfterTime order.goodTillDate order.faGroup order.faMethod order.faPercentage
    faProfile<177 order.modelCode order.shortSaleSlot order.designatedLocation order.exemptCode order.ocaType
    order.rule80A order.settlingFirm order.allOrNone order.minQty order.percentOffset eTradeOnly firmQuoteOnly
    nbboPriceCap auctionStrategy order.startingPrice order.stockRefPrice order.delta order.stockRangeLower
    order.stockRangeUpper order.overridePercentageConstraints order.volatility order.volatilityType
    order.deltaNeutralOrderType order.deltaNeutralAuxPrice order.continuousUpdate order.referencePriceType
    order.trailStopPrice order.trailingPercent order.scaleInitLevelSize order.scaleSubsLevelSize
    order.scalePriceIncrement order.scaleTable order.activeStartTime order.activeStopTime order.hedgeType
    order.optOutSmartRouting order.clearingAccount order.clearingIntent order.notHeld deltaNeutralContract
    order.algoStrategy order.algoId order.whatIf orderMiscOptions order.solicited order.randomizeSize
    order.randomizePrice conditions order.adjustedOrderType order.triggerPrice order.lmtPriceOffset
    order.adjustedStopPrice order.adjustedStopLimitPrice order.adjustedTrailingAmount order.adjustableTrailingUnit
    order.extOperator softTierName softTierValue order.cashQty order.mifid2DecisionMaker order.mifid2DecisionAlgo
    order.mifid2ExecutionTrader order.mifid2ExecutionAlgo order.dontUseAutoPriceForHedge order.isOmsContainer
    order.discretionaryUpToLimitPrice>=148 order.usePriceMgmtAlgo>=151 order.duration>=158 order.postToAts>=160
    order.autoCancelParent>=162 order.advancedErrorOverride>=166 order.manualOrderTime>=169 order.customerAccount>=183
    order.professionalCustomer>=184 externalUserId>=187<190 order.manualOrderIndicator>=187<190
    order.includeOvernight>=189 order.manualOrderIndicator>=192 order.imbalanceOnly>=199"""

OUTGOING = _layouts(f"""
reqMktData 1 206 MarketDataRequest | version reqId {_WANTED} deltaNeutral genericTickList snapshot regulatorySnapshot
    marketDataOptions
cancelMktData 2 206 CancelMarketData | version reqId
{_PLACE_ORDER}
cancelOrder 4 203 CancelOrderRequest | version<192 orderId orderCancel.manualOrderCancelTime>=169
    orderCancel.extOperator>=187<190 externalUserId>=187<190 orderCancel.manualOrderIndicator>=187<190
    orderCancel.extOperator>=192 orderCancel.manualOrderIndicator>=192
reqOpenOrders 5 204 OpenOrdersRequest | version
reqAccountUpdates 6 207 AccountDataRequest | version subscribe acctCode
reqExecutions 7 201 ExecutionRequest | version reqId executionFilter.clientId executionFilter.acctCode
    executionFilter.time executionFilter.symbol executionFilter.secType executionFilter.exchange executionFilter.side
    executionFilter.lastNDays>=200 executionFilter.specificDates>=200
reqHistoricalData 20 208 HistoricalDataRequest | reqId {_WANTED} contract.includeExpired endDateTime barSizeSetting
    duration useRTH whatToShow formatDate keepUpToDate chartOptions
cancelHistoricalData 25 208 CancelHistoricalData | version reqId
reqIds 8 213 IdsRequest | version numIds
reqContractDetails 9 205 ContractDataRequest | version reqId {_WANTED} contract.includeExpired contract.secIdType
    contract.secId contract.issuerId>=176
setServerLogLevel 14 213 SetServerLogLevelRequest | version logLevel
reqAutoOpenOrders 15 204 AutoOpenOrdersRequest | version autoBind
reqAllOpenOrders 16 204 AllOpenOrdersRequest | version
reqManagedAccts 17 207 ManagedAccountsRequest | version
reqCurrentTime 49 213 CurrentTimeRequest | version
reqGlobalCancel 58 203 GlobalCancelRequest | version<192 orderCancel.extOperator>=192
    orderCancel.manualOrderIndicator>=192
reqMarketDataType 59 206 MarketDataTypeRequest | version marketDataType
reqPositions 61 207 PositionsRequest | version
reqAccountSummary 62 207 AccountSummaryRequest | version reqId group tags
cancelAccountSummary 63 207 CancelAccountSummary | version reqId
cancelPositions 64 207 CancelPositions | version
startApi 71 213 StartApiRequest | version clientId optionalCapabilities
reqPositionsMulti 74 207 PositionsMultiRequest | version reqId account modelCode
cancelPositionsMulti 75 207 CancelPositionsMulti | version reqId
reqAccountUpdatesMulti 76 10000 none | version reqId account modelCode ledgerAndNLV
cancelAccountUpdatesMulti 77 10000 none | version reqId
reqCompletedOrders 99 204 CompletedOrdersRequest | apiOnly
reqCurrentTimeInMillis 105 213 CurrentTimeInMillisRequest |
""")

INCOMING_BY_NUMBER = {layout.number: layout for layout in INCOMING.values()}
OUTGOING_BY_NUMBER = {layout.number: layout for layout in OUTGOING.values()}
