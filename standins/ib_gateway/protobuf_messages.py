"""Field numbers of the TWS API's protobuf messages, as the public API 10.51 uses them.

One message a paragraph: `Name: number=field:type ...`; a star marks a repeated field. Sub-messages that this gateway
neither reads nor writes are not listed; their bytes are carried unread.
"""

from typing import NamedTuple


class Field(NamedTuple):
    number: int
    name: str
    kind: str
    repeated: bool


_TABLE = """
Contract: 1=conId:int32 2=symbol:string 3=secType:string 4=lastTradeDateOrContractMonth:string 5=strike:double
    6=right:string 7=multiplier:double 8=exchange:string 9=primaryExch:string 10=currency:string
    11=localSymbol:string 12=tradingClass:string 13=secIdType:string 14=secId:string 15=description:string
    16=issuerId:string 17=deltaNeutralContract:DeltaNeutralContract 18=includeExpired:bool
    19=comboLegsDescrip:string 20=comboLegs:ComboLeg* 21=lastTradeDate:string
Order: 1=clientId:int32 2=orderId:int32 3=permId:int64 4=parentId:int32 5=action:string 6=totalQuantity:string
    7=displaySize:int32 8=orderType:string 9=lmtPrice:double 10=auxPrice:double 11=tif:string 12=account:string
    13=settlingFirm:string 14=clearingAccount:string 15=clearingIntent:string 16=allOrNone:bool
    17=blockOrder:bool 18=hidden:bool 19=outsideRth:bool 20=sweepToFill:bool 21=percentOffset:double
    22=trailingPercent:double 23=trailStopPrice:double 24=minQty:int32 25=goodAfterTime:string
    26=goodTillDate:string 27=ocaGroup:string 28=orderRef:string 29=rule80A:string 30=ocaType:int32
    31=triggerMethod:int32 32=activeStartTime:string 33=activeStopTime:string 34=faGroup:string
    35=faMethod:string 36=faPercentage:string 37=volatility:double 38=volatilityType:int32
    39=continuousUpdate:bool 40=referencePriceType:int32 41=deltaNeutralOrderType:string
    42=deltaNeutralAuxPrice:double 43=deltaNeutralConId:int32 44=deltaNeutralOpenClose:string
    45=deltaNeutralShortSale:bool 46=deltaNeutralShortSaleSlot:int32 47=deltaNeutralDesignatedLocation:string
    48=scaleInitLevelSize:int32 49=scaleSubsLevelSize:int32 50=scalePriceIncrement:double
    51=scalePriceAdjustValue:double 52=scalePriceAdjustInterval:int32 53=scaleProfitOffset:double
    54=scaleAutoReset:bool 55=scaleInitPosition:int32 56=scaleInitFillQty:int32 57=scaleRandomPercent:bool
    58=scaleTable:string 59=hedgeType:string 60=hedgeParam:string 61=algoStrategy:string 62=algoParams:map
    63=algoId:string 64=smartComboRoutingParams:map 65=whatIf:bool 66=transmit:bool
    67=overridePercentageConstraints:bool 68=openClose:string 69=origin:int32 70=shortSaleSlot:int32
    71=designatedLocation:string 72=exemptCode:int32 73=deltaNeutralSettlingFirm:string
    74=deltaNeutralClearingAccount:string 75=deltaNeutralClearingIntent:string 76=discretionaryAmt:double
    77=optOutSmartRouting:bool 78=startingPrice:double 79=stockRefPrice:double 80=delta:double
    81=stockRangeLower:double 82=stockRangeUpper:double 83=notHeld:bool 84=orderMiscOptions:map
    85=solicited:bool 86=randomizeSize:bool 87=randomizePrice:bool 88=referenceContractId:int32
    89=peggedChangeAmount:double 90=isPeggedChangeAmountDecrease:bool 91=referenceChangeAmount:double
    92=referenceExchangeId:string 93=adjustedOrderType:string 94=triggerPrice:double 95=adjustedStopPrice:double
    96=adjustedStopLimitPrice:double 97=adjustedTrailingAmount:double 98=adjustableTrailingUnit:int32
    99=lmtPriceOffset:double 100=conditions:OrderCondition* 101=conditionsCancelOrder:bool
    102=conditionsIgnoreRth:bool 103=modelCode:string 104=extOperator:string 105=softDollarTier:SoftDollarTier
    106=cashQty:double 107=mifid2DecisionMaker:string 108=mifid2DecisionAlgo:string
    109=mifid2ExecutionTrader:string 110=mifid2ExecutionAlgo:string 111=dontUseAutoPriceForHedge:bool
    112=isOmsContainer:bool 113=discretionaryUpToLimitPrice:bool 114=autoCancelDate:string
    115=filledQuantity:string 116=refFuturesConId:int32 117=autoCancelParent:bool 118=shareholder:string
    119=imbalanceOnly:bool 120=routeMarketableToBbo:int32 121=parentPermId:int64 122=usePriceMgmtAlgo:int32
    123=duration:int32 124=postToAts:int32 125=advancedErrorOverride:string 126=manualOrderTime:string
    127=minTradeQty:int32 128=minCompeteSize:int32 129=competeAgainstBestOffset:double
    130=midOffsetAtWhole:double 131=midOffsetAtHalf:double 132=customerAccount:string
    133=professionalCustomer:bool 134=bondAccruedInterest:string 135=includeOvernight:bool
    136=manualOrderIndicator:int32 137=submitter:string 138=deactivate:bool 139=postOnly:bool
    140=allowPreOpen:bool 141=ignoreOpenAuction:bool 142=seekPriceImprovement:int32 143=whatIfType:int32
    144=hedgeMaxSize:int32 145=conditionsIncludeOvernight:bool
OrderState: 1=status:string 2=initMarginBefore:double 3=maintMarginBefore:double 4=equityWithLoanBefore:double
    5=initMarginChange:double 6=maintMarginChange:double 7=equityWithLoanChange:double 8=initMarginAfter:double
    9=maintMarginAfter:double 10=equityWithLoanAfter:double 11=commissionAndFees:double
    12=minCommissionAndFees:double 13=maxCommissionAndFees:double 14=commissionAndFeesCurrency:string
    15=marginCurrency:string 16=initMarginBeforeOutsideRTH:double 17=maintMarginBeforeOutsideRTH:double
    18=equityWithLoanBeforeOutsideRTH:double 19=initMarginChangeOutsideRTH:double
    20=maintMarginChangeOutsideRTH:double 21=equityWithLoanChangeOutsideRTH:double
    22=initMarginAfterOutsideRTH:double 23=maintMarginAfterOutsideRTH:double
    24=equityWithLoanAfterOutsideRTH:double 25=suggestedSize:string 26=rejectReason:string
    27=orderAllocations:OrderAllocation* 28=warningText:string 29=completedTime:string 30=completedStatus:string
OpenOrder: 1=orderId:int32 2=contract:Contract 3=order:Order 4=orderState:OrderState
OpenOrdersEnd:
OrderStatus: 1=orderId:int32 2=status:string 3=filled:string 4=remaining:string 5=avgFillPrice:double
    6=permId:int64 7=parentId:int32 8=lastFillPrice:double 9=clientId:int32 10=whyHeld:string
    11=mktCapPrice:double
ErrorMessage: 1=id:int32 2=errorTime:int64 3=errorCode:int32 4=errorMsg:string 5=advancedOrderRejectJson:string
Execution: 1=orderId:int32 2=execId:string 3=time:string 4=acctNumber:string 5=exchange:string 6=side:string
    7=shares:string 8=price:double 9=permId:int64 10=clientId:int32 11=isLiquidation:bool 12=cumQty:string
    13=avgPrice:double 14=orderRef:string 15=evRule:string 16=evMultiplier:double 17=modelCode:string
    18=lastLiquidity:int32 19=isPriceRevisionPending:bool 20=submitter:string 21=optExerciseOrLapseType:int32
ExecutionDetails: 1=reqId:int32 2=contract:Contract 3=execution:Execution
ExecutionDetailsEnd: 1=reqId:int32
ExecutionRequest: 1=reqId:int32 2=executionFilter:ExecutionFilter
ExecutionFilter: 1=clientId:int32 2=acctCode:string 3=time:string 4=symbol:string 5=secType:string
    6=exchange:string 7=side:string 8=lastNDays:int32 9=specificDates:int32*
CommissionAndFeesReport: 1=execId:string 2=commissionAndFees:double 3=currency:string 4=realizedPNL:double
    5=bondYield:double 6=yieldRedemptionDate:string
PlaceOrderRequest: 1=orderId:int32 2=contract:Contract 3=order:Order 4=attachedOrders:AttachedOrders
CancelOrderRequest: 1=orderId:int32 2=orderCancel:OrderCancel
OrderCancel: 1=manualOrderCancelTime:string 2=extOperator:string 3=manualOrderIndicator:int32
GlobalCancelRequest: 1=orderCancel:OrderCancel
OpenOrdersRequest:
AllOpenOrdersRequest:
AutoOpenOrdersRequest: 1=autoBind:bool
CompletedOrder: 1=contract:Contract 2=order:Order 3=orderState:OrderState
CompletedOrdersEnd:
CompletedOrdersRequest: 1=apiOnly:bool
StartApiRequest: 1=clientId:int32 2=optionalCapabilities:string
NextValidId: 1=orderId:int32
IdsRequest: 1=numIds:int32
ManagedAccounts: 1=accountsList:string
ManagedAccountsRequest:
AccountSummary: 1=reqId:int32 2=account:string 3=tag:string 4=value:string 5=currency:string
AccountSummaryEnd: 1=reqId:int32
AccountSummaryRequest: 1=reqId:int32 2=group:string 3=tags:string
CancelAccountSummary: 1=reqId:int32
AccountDataRequest: 1=subscribe:bool 2=acctCode:string
AccountValue: 1=key:string 2=value:string 3=currency:string 4=accountName:string
AccountDataEnd: 1=accountName:string
AccountUpdateTime: 1=timeStamp:string
PortfolioValue: 1=contract:Contract 2=position:string 3=marketPrice:double 4=marketValue:double
    5=averageCost:double 6=unrealizedPNL:double 7=realizedPNL:double 8=accountName:string
Position: 1=account:string 2=contract:Contract 3=position:string 4=avgCost:double
PositionEnd:
PositionsRequest:
CancelPositions:
PositionMulti: 1=reqId:int32 2=account:string 3=contract:Contract 4=position:string 5=avgCost:double
    6=modelCode:string
PositionMultiEnd: 1=reqId:int32
PositionsMultiRequest: 1=reqId:int32 2=account:string 3=modelCode:string
CancelPositionsMulti: 1=reqId:int32
MarketDataRequest: 1=reqId:int32 2=contract:Contract 3=genericTickList:string 4=snapshot:bool
    5=regulatorySnapshot:bool 6=marketDataOptions:map
CancelMarketData: 1=reqId:int32
MarketDataType: 1=reqId:int32 2=marketDataType:int32
MarketDataTypeRequest: 1=marketDataType:int32
TickPrice: 1=reqId:int32 2=tickType:int32 3=price:double 4=size:string 5=attrMask:int32
TickSize: 1=reqId:int32 2=tickType:int32 3=size:string
TickGeneric: 1=reqId:int32 2=tickType:int32 3=value:double
TickString: 1=reqId:int32 2=tickType:int32 3=value:string
TickSnapshotEnd: 1=reqId:int32
TickReqParams: 1=reqId:int32 2=minTick:string 3=bboExchange:string 4=snapshotPermissions:int32
    5=lastPricePrecision:string 6=lastSizePrecision:string
ContractData: 1=reqId:int32 2=contract:Contract 3=contractDetails:ContractDetails
ContractDetails: 1=marketName:string 2=minTick:string 3=orderTypes:string 4=validExchanges:string
    5=priceMagnifier:int32 6=underConId:int32 7=longName:string 8=contractMonth:string 9=industry:string
    10=category:string 11=subcategory:string 12=timeZoneId:string 13=tradingHours:string 14=liquidHours:string
    15=evRule:string 16=evMultiplier:double 17=secIdList:map 18=aggGroup:int32 19=underSymbol:string
    20=underSecType:string 21=marketRuleIds:string 22=realExpirationDate:string 23=stockType:string
    24=minSize:string 25=sizeIncrement:string 26=suggestedSizeIncrement:string 27=fundName:string
    28=fundFamily:string 29=fundType:string 30=fundFrontLoad:string 31=fundBackLoad:string
    32=fundBackLoadTimeInterval:string 33=fundManagementFee:string 34=fundClosed:bool
    35=fundClosedForNewInvestors:bool 36=fundClosedForNewMoney:bool 37=fundNotifyAmount:string
    38=fundMinimumInitialPurchase:string 39=fundMinimumSubsequentPurchase:string 40=fundBlueSkyStates:string
    41=fundBlueSkyTerritories:string 42=fundDistributionPolicyIndicator:string 43=fundAssetType:string
    44=cusip:string 45=issueDate:string 46=ratings:string 47=bondType:string 48=coupon:double
    49=couponType:string 50=convertible:bool 51=callable:bool 52=puttable:bool 53=descAppend:string
    54=nextOptionDate:string 55=nextOptionType:string 56=nextOptionPartial:bool 57=bondNotes:string
    58=ineligibilityReasonList:IneligibilityReason* 59=eventContract1:string 60=eventContractDescription1:string
    61=eventContractDescription2:string 62=minAlgoSize:string 63=lastPricePrecision:string
    64=lastSizePrecision:string 65=settlementMethod:string
ContractDataEnd: 1=reqId:int32
ContractDataRequest: 1=reqId:int32 2=contract:Contract
CurrentTime: 1=currentTime:int64
CurrentTimeRequest:
CurrentTimeInMillis: 1=currentTimeInMillis:int64
CurrentTimeInMillisRequest:
HistoricalDataRequest: 1=reqId:int32 2=contract:Contract 3=endDateTime:string 4=barSizeSetting:string
    5=duration:string 6=useRTH:bool 7=whatToShow:string 8=formatDate:int32 9=keepUpToDate:bool
    10=chartOptions:map
CancelHistoricalData: 1=reqId:int32
HistoricalDataBar: 1=date:string 2=open:double 3=high:double 4=low:double 5=close:double 6=volume:string
    7=WAP:string 8=barCount:int32
HistoricalData: 1=reqId:int32 2=historicalDataBars:HistoricalDataBar*
HistoricalDataEnd: 1=reqId:int32 2=startDateStr:string 3=endDateStr:string
SetServerLogLevelRequest: 1=logLevel:int32
AttachedOrders: 1=slOrderId:int32 2=slOrderType:string 3=ptOrderId:int32 4=ptOrderType:string
"""


def _field(token: str) -> Field:
    number, rest = token.split("=")
    name, kind = rest.split(":")
    return Field(int(number), name, kind.rstrip("*"), kind.endswith("*"))


def _messages() -> dict[str, tuple[Field, ...]]:
    paragraphs = _TABLE.strip().replace("\n    ", " ").splitlines()
    pairs = (paragraph.split(":", 1) for paragraph in paragraphs)
    return {name: tuple(map(_field, body.split())) for name, body in pairs}


MESSAGES = _messages()
